import { expect, it } from "@effect/vitest"
import { Publisher, Queue, Queues, type Skein } from "@skein/client/effect"
import { Effect, type Layer, Schema } from "effect"
import { layerEmbedded, type OpenError } from "./effect.js"

const greetings = Queue.define("greetings", Schema.String)

it.live("serves the Effect API inside the process, and closes with its scope", () =>
  Effect.gen(function* () {
    const layer: Layer.Layer<Skein, OpenError> = layerEmbedded({ memory: true, shards: 1 })
    const status = yield* Effect.gen(function* () {
      yield* Queues.declare(greetings)
      yield* Publisher.publish(greetings, "hello")
      return yield* Queues.show(greetings)
    }).pipe(Effect.provide(layer))
    expect(status.counts.ready).toBe(1)
  }),
)
