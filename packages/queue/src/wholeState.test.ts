import { defaultQueuePolicy } from "@skein/model"
import { expect, it } from "vitest"
import { catalogDigest, emptyCatalog } from "./catalog/CatalogState.js"
import { restoreCatalog } from "./catalog/catalogCheckpoint.js"
import { decideCatalog } from "./catalog/decideCatalog.js"
import { evolveCatalog } from "./catalog/evolveCatalog.js"
import { checkInvariants } from "./checkInvariants.js"
import { checkpointDelta, restoreQueue } from "./checkpoint.js"
import { digest } from "./digest.js"
import { emptyQueue, unlocatedFrames } from "./QueueState.js"
import { Bench, producerA } from "./testing/Bench.js"
import { countFrames, framesFrom, unplaceFrames, wholeCatalog, wholeQueue } from "./wholeState.js"

const pages = { framesMax: 2, bytesMax: 1_000_000 }

/** Four living frames, at 1, 4, 3004 and 5004, with ids, settlers and leases. */
const someBench = (): Bench => {
  const bench = new Bench()
  bench.publish(3, producerA, new Uint8Array(3 * 16).fill(7))
  bench.publish(3000)
  bench.publish(2000)
  bench.publish(1)
  bench.fetch("a", 1, 2)
  bench.settle("fail", [1, 1])
  return bench
}

it("all of a queue restores to the same digest, whatever was saved before", () => {
  const bench = someBench()
  checkpointDelta(bench.state)
  const state = restoreQueue(wholeQueue(bench.state))
  checkInvariants(state)
  expect(digest(state)).toBe(digest(bench.state))
  // Nothing of it counts as saved by that.
  bench.publish(1)
  const changed = checkpointDelta(bench.state).put
  wholeQueue(bench.state)
  expect(changed.length).toBeGreaterThan(0)
  expect(checkpointDelta(bench.state).put).toEqual([])
  expect(wholeQueue(emptyQueue(3))).toEqual([])
})

it("living frames come in order, in parts, and no further than asked", () => {
  const { state } = someBench()
  const firsts = (from: number, below: number, size = pages) =>
    framesFrom(state, from, below, size).map(({ first }) => first)
  expect(countFrames(state)).toEqual({ frames: 4, bytes: 50_040 })
  expect(firsts(1, 9_999)).toEqual([1, 4])
  expect(firsts(5, 9_999)).toEqual([3004, 5004])
  expect(firsts(5, 5004)).toEqual([3004])
  expect(firsts(5005, 9_999)).toEqual([])
  expect(firsts(1, 9_999, { framesMax: 9, bytesMax: 1 })).toEqual([1])
  expect(firsts(1, 9_999, { framesMax: 9, bytesMax: 30_030 })).toEqual([1, 4])
})

it("a frame that is dead is not among them, nor counted", () => {
  const bench = new Bench()
  bench.publish(2)
  bench.publish(2)
  bench.fetch("a", 1, 2)
  bench.settle("ack", [1, 2])
  expect(framesFrom(bench.state, 1, 99, pages)).toEqual([{ first: 3, bytes: 20 }])
  expect(countFrames(bench.state)).toEqual({ frames: 1, bytes: 20 })
})

it("a copy that came without places knows so of every living frame", () => {
  const state = restoreQueue(wholeQueue(someBench().state))
  expect(unlocatedFrames(state)).toBe(0)
  unplaceFrames(state)
  expect(unlocatedFrames(state)).toBe(4)
  unplaceFrames(state)
  expect(unlocatedFrames(state)).toBe(4)
})

it("all of a catalog restores to the same digest, doomed queues and gaps with it", () => {
  const state = emptyCatalog()
  const run = (command: Parameters<typeof decideCatalog>[1]): void => {
    for (const event of decideCatalog(state, command).events) evolveCatalog(state, event)
  }
  for (let at = 0; at < 600; at++) {
    run({ _tag: "Declare", name: `q${at}`, policy: defaultQueuePolicy, shard: at % 3 })
  }
  for (let at = 256; at < 512; at++) run({ _tag: "Remove", name: `q${at}` })
  for (let at = 256; at < 511; at++) run({ _tag: "Bury", generation: at + 1 })
  const restored = restoreCatalog(wholeCatalog(state))
  expect(catalogDigest(restored)).toBe(catalogDigest(state))
  expect(restored.nextGeneration).toBe(601)
  expect([...restored.doomed.keys()]).toEqual([512])
})
