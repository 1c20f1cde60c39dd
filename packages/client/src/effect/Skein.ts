/** Owns: the connection to a fabric as a service, and its layers. */
import { Context, Effect, Layer, type Scope } from "effect"
import type { ClientOptions } from "../ClientOptions.js"
import { type ConnectSettings, socketFabric } from "../connect.js"
import { ignore } from "../Deferred.js"
import type { OpenFabric } from "../link/FabricConnection.js"
import { makeClient, type SkeinClient } from "../SkeinClient.js"
import { type ConnectError, call, connectTags } from "./errors.js"

type Settings<Options extends ClientOptions> = Omit<Options, "signal">

/**
 * A connection to a fabric that repairs itself; closed in an orderly way with its scope.
 *
 *     program.pipe(Effect.provide(Skein.layer({ address: "127.0.0.1:4117" })))
 */
export class Skein extends Context.Tag("@skein/client/Skein")<Skein, SkeinClient>() {
  /** Connects over a socket. Fails with what `connect` of the Promise API rejects with. */
  static layer(settings: Settings<ConnectSettings>): Layer.Layer<Skein, ConnectError> {
    return Skein.layerFabric(socketFabric(settings), settings)
  }

  /** Any way to a fabric, also one inside this process. */
  static layerFabric(
    openFabric: OpenFabric,
    options: Settings<ClientOptions> = {},
  ): Layer.Layer<Skein, ConnectError> {
    return Layer.scoped(Skein, Skein.scoped(openFabric, options))
  }

  /** The client alone, closed with the scope. */
  static scoped(
    openFabric: OpenFabric,
    options: Settings<ClientOptions> = {},
  ): Effect.Effect<SkeinClient, ConnectError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      restore(call(connectTags, (signal) => makeClient(openFabric, { ...options, signal }))).pipe(
        Effect.tap((client) =>
          Effect.addFinalizer(() => Effect.promise(() => client.close().catch(ignore))),
        ),
      ),
    )
  }
}
