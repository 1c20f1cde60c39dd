/** Owns: a fabric inside this process as a Layer of the Effect API. */
import { type ConnectError, Skein } from "@skein/client/effect"
import { isSkeinError, skeinError, type Tagged } from "@skein/model"
import { Effect, Layer } from "effect"
import { type EmbeddedOptions, openEmbedded } from "./openEmbedded.js"

export type { EmbeddedOptions } from "./openEmbedded.js"

export type OpenError =
  | ConnectError
  | Tagged<"DirectoryForeign" | "DirectoryInUse" | "DirectoryUnusable">

/**
 * The service `Skein` over a fabric of this process; it closes with the layer's scope.
 *
 *     program.pipe(Effect.provide(layerEmbedded({ memory: true })))
 */
export const layerEmbedded = (options: EmbeddedOptions): Layer.Layer<Skein, OpenError> =>
  Layer.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.tryPromise({ try: () => openEmbedded(options), catch: asOpenError }),
        (embedded) => Effect.promise(() => embedded.close().catch(() => {})),
      ),
      ({ open }) => Skein.layerFabric(open),
    ),
  )

const asOpenError = (cause: unknown): OpenError =>
  isSkeinError(cause)
    ? // openEmbedded says which tags it rejects with.
      (cause as OpenError)
    : skeinError("InternalError", String(cause), {}, { cause })
