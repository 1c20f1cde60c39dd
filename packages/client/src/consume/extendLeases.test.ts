import { type ExtendRequest, encodeFrame } from "@skein/wire"
import { describe, expect, it } from "vitest"
import type { FabricConnection } from "../link/FabricConnection.js"
import { extendLeases } from "./extendLeases.js"
import { HeldRun } from "./HeldRun.js"

const runOf = (first: number, last: number, attempt: number, epoch = 3): HeldRun => {
  const bodies = Array.from({ length: last - first + 1 }, () => ({ body: Uint8Array.of(1) }))
  const counts = { failed: attempt, returned: 0, redelivered: attempt > 0 }
  return new HeldRun({ epoch, attempt, ...counts, first, last, frame: encodeFrame(bodies) })
}

const rangesAskedOf = (runs: readonly HeldRun[]): (readonly number[])[] => {
  const asked: (readonly number[])[] = []
  const extend = async (request: ExtendRequest) => {
    asked.push([request.epoch, ...request.ranges])
    return []
  }
  const fabric = { broker: { extend } } as unknown as FabricConnection
  extendLeases(fabric, runs, {
    queue: { shard: 1, generation: 2 },
    session: "s",
    marks: () => true,
    onLost: () => {},
  })
  return asked
}

describe("extendLeases", () => {
  it("names a message once that is held under two attempts: its lease ran out here", () => {
    const older = runOf(151, 200, 0)
    expect(rangesAskedOf([older, runOf(151, 200, 1)])).toEqual([[3, 151, 200]])
    expect(rangesAskedOf([older, runOf(160, 170, 1)])).toEqual([[3, 151, 200]])
    expect(rangesAskedOf([runOf(190, 210, 1), older, runOf(212, 213, 1)])).toEqual([
      [3, 151, 210, 212, 213],
    ])
  })

  it("asks for each epoch by itself", () => {
    expect(rangesAskedOf([runOf(1, 2, 0), runOf(3, 4, 0), runOf(5, 6, 0, 4)])).toEqual([
      [3, 1, 4],
      [4, 5, 6],
    ])
  })
})
