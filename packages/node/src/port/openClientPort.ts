/** Owns: the client port as a scoped resource: started with the scope, drained when it closes. */
import { isSkeinError, type SkeinError, skeinError } from "@skein/model"
import type { Fabric } from "@skein/wire"
import { Effect, type Scope } from "effect"
import { ClientPort, type ClientPortOptions, type PortAddress } from "./ClientPort.js"

export interface OpenClientPort {
  readonly port: ClientPort
  readonly address: PortAddress
}

/** Fails with BindRefused, AddressInUse or ConfigInvalid. */
export const openClientPort = (
  fabric: Fabric,
  options: ClientPortOptions,
): Effect.Effect<OpenClientPort, SkeinError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const port = new ClientPort(fabric, options)
        try {
          return { port, address: await port.start() }
        } catch (cause) {
          await port.stop()
          throw cause
        }
      },
      catch: (cause) =>
        isSkeinError(cause) ? cause : skeinError("InternalError", "the port", {}, { cause }),
    }),
    ({ port }) => Effect.promise(() => port.stop()),
  )
