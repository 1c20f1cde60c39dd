import { Effect, Option } from "effect"
import { expect, it } from "vitest"
import { Skein } from "../effect/index.js"
import { makeClient } from "../index.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { TestClock, testRuntime } from "../testing/TestClock.js"
import { effectExample } from "./effectExample.js"
import { promiseExample } from "./promiseExample.js"

it("runs the Promise example", async () => {
  const clock = new TestClock()
  const fabric = new FakeFabric(clock)
  const client = await makeClient(fabric.open, { runtime: testRuntime(clock) })
  expect(await promiseExample(client)).toEqual(["Ada", "Bea", "Cleo"])
  expect(fabric.queue("orders").acked.length).toBe(3)
})

it("runs the Effect example", async () => {
  const clock = new TestClock()
  const fabric = new FakeFabric(clock)
  const layer = Skein.layerFabric(fabric.open, { runtime: testRuntime(clock) })
  const { first, done } = await Effect.runPromise(Effect.provide(effectExample, layer))
  expect(first).toEqual(Option.some(1))
  expect(done).toEqual(["charged Ada", "charged Cleo"])
  expect(fabric.queue("orders").messages.map((each) => each.ended?.outcome)).toEqual([
    "ack",
    "reject",
    "ack",
  ])
})
