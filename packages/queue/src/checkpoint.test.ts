import { isSkeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { checkInvariants } from "./checkInvariants.js"
import { checkpointDelta, generationOfKey, restoreQueue, type StateChunk } from "./checkpoint.js"
import { digest } from "./digest.js"
import { counts, locate, relocate } from "./QueueState.js"
import { Bench, producerA } from "./testing/Bench.js"

const keys = (chunks: readonly StateChunk[]): string[] => chunks.map(({ key }) => key).sort()

const failure = (chunks: readonly StateChunk[]): string => {
  try {
    restoreQueue(chunks)
  } catch (error) {
    return isSkeinError(error) ? error._tag : `untyped: ${String(error)}`
  }
  return "restored"
}

/** A state with something of everything. */
const richBench = (): Bench => {
  const bench = new Bench()
  const ids = new Uint8Array(3 * 16)
  ids[0] = 1
  ids[32] = 2
  bench.publish(3, producerA, ids)
  bench.publish(3000)
  bench.publish(2000)
  bench.fetch("a", 1, 4)
  bench.settle("fail", [1, 2])
  bench.fetch("a", 2, 1)
  bench.open(2)
  bench.fetch("a", 1, 3)
  bench.settle("return", [2, 2], 1)
  bench.settle("ack", [3, 3])
  return bench
}

describe("a checkpoint", () => {
  it("holds everything once, then only what changed", () => {
    const bench = richBench()
    const first = checkpointDelta(bench.state)
    expect(keys(first.put)).toEqual(["q7/b0", "q7/b1", "q7/d0", "q7/h", "q7/p10", "q7/s0"])
    expect(checkpointDelta(bench.state)).toEqual({ put: [], drop: [] })
    bench.settle("ack", [1, 1], 2)
    expect(keys(checkpointDelta(bench.state).put)).toEqual(["q7/b0", "q7/h", "q7/s0"])
    relocate(bench.state, 4, 12_345)
    expect(keys(checkpointDelta(bench.state).put)).toEqual(["q7/b0", "q7/h"])
    bench.run({ _tag: "Purge" })
    expect(checkpointDelta(bench.state).drop).toEqual(["q7/b0"])
  })

  it("restores to the same digest, with leases ready and locations kept", () => {
    const bench = richBench()
    const state = restoreQueue(checkpointDelta(bench.state).put)
    checkInvariants(state)
    expect(digest(state)).toBe(digest(bench.state))
    const { total } = counts(bench.state)
    expect(counts(state)).toMatchObject({ total, ready: total, leased: 0, failed: 3, returned: 1 })
    expect(locate(state, 4)).toEqual({ location: 40, bytes: 30_000, count: 3000 })
    expect(checkpointDelta(state)).toEqual({ put: [], drop: [] })
  })

  it("has the bytes it always had", () => {
    const bench = new Bench()
    bench.publish(3)
    bench.fetch("a", 1, 2)
    bench.settle("fail", [1, 1])
    const { put } = checkpointDelta(bench.state)
    const found = Object.fromEntries(
      put.map(({ key, bytes }) => [key, Buffer.from(bytes).toString("hex")]),
    )
    expect(found).toEqual({
      "q7/b0":
        "98010001ce000f42409200c4021011930101c40101c0c4120100030003001e000000000000000000" + "2440",
      "q7/h":
        "990107a66f726465727395cd03e8ce000927c0ce02faf080cb4230000000000000ce001000000104" +
        "9903000000000100000000b031643135383331336565363931613734",
      "q7/p10":
        "920194d920616161616161616161616161616161616161616161616161616161616161616101ce00" +
        "0f4240930103c0",
    })
  })
})

describe("chunks that are not whole", () => {
  it("are ShardCorrupt: missing, damaged, swapped, or of another queue", () => {
    const { put } = checkpointDelta(richBench().state)
    expect(failure(put)).toBe("restored")
    for (let missing = 0; missing < put.length; missing++) {
      expect(failure(put.filter((_, at) => at !== missing)), put[missing].key).toBe("ShardCorrupt")
    }
    const swapped = put.map(({ key, bytes }) => ({
      key: key === "q7/b0" ? "q7/b1" : key === "q7/b1" ? "q7/b0" : key,
      bytes,
    }))
    expect(failure(swapped)).toBe("ShardCorrupt")
    const foreign = put.map(({ key, bytes }) => ({ key: key.replace("q7", "q8"), bytes }))
    expect(failure(foreign)).toBe("ShardCorrupt")
  })

  it("never fail untyped, whatever byte is damaged", () => {
    const { put } = checkpointDelta(richBench().state)
    for (const { key, bytes } of put) {
      for (let at = 0; at < bytes.length; at++) {
        const damaged = Uint8Array.from(bytes)
        damaged[at] ^= 0x2b
        const chunks = put.map((chunk) => (chunk.key === key ? { key, bytes: damaged } : chunk))
        expect(["restored", "ShardCorrupt", "VersionUnsupported"]).toContain(failure(chunks))
      }
    }
  })
})

it("keys tell their queue", () => {
  expect(generationOfKey("q12/b3")).toBe(12)
  for (const key of ["c/h", "q/h", "qx/h", "q0/h", "q1", "x1/h"]) {
    expect(generationOfKey(key)).toBeUndefined()
  }
})
