import { limits, type Sequence } from "@skein/model"
import { type ExtendRequest, encodeFrame } from "@skein/wire"
import { describe, expect, it } from "vitest"
import { ManualClock } from "../connection/testing/ManualClock.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import { systemRuntime } from "../Runtime.js"
import { HeldRun, settled } from "./HeldRun.js"
import { LeaseRenewal } from "./LeaseRenewal.js"

const queue = { shard: 1, generation: 7 }
const count = limits.frameMessagesMax

/** A frame of which every second message is held still. */
const gaps = (first: Sequence): HeldRun => {
  const bodies = Array.from({ length: count }, () => ({ body: Uint8Array.of(1) }))
  const run = new HeldRun({
    epoch: 1,
    attempt: 0,
    failed: 0,
    returned: 0,
    redelivered: false,
    first,
    last: first + count - 1,
    frame: encodeFrame(bodies),
  })
  for (let index = 1; index < count; index += 2) run.mark(index, settled)
  return run
}

describe("LeaseRenewal", () => {
  it("extends more ranges than one request may name in several, and hears of each", async () => {
    const clock = new ManualClock()
    const frames = Math.ceil((limits.settleRangesMax * 2) / count) + 1
    const held = new Set(Array.from({ length: frames }, (_, at) => gaps(1 + at * count)))
    const asked: ExtendRequest[] = []
    const lost: number[] = []
    const broker = {
      extend: async (request: ExtendRequest) => {
        asked.push(request)
        return request.ranges.slice(-2)
      },
    }
    const renewal = new LeaseRenewal(
      { runtime: { ...systemRuntime, clock }, queue, leaseMs: 3_000, renewHandedOut: true },
      held,
      {
        fabric: () => ({ broker }) as unknown as FabricConnection,
        session: () => ({ id: "5".repeat(32) }) as never,
        lost: (_run, messages) => void lost.push(messages),
      },
    )
    clock.advance(1_000)
    renewal.stop()
    await Promise.resolve()
    await Promise.resolve()
    const named = asked.flatMap(({ ranges }) => ranges)
    expect(named).toHaveLength(frames * count)
    expect(new Set(named).size).toBe((frames * count) / 2)
    for (const { ranges } of asked) {
      expect(ranges.length / 2).toBeLessThanOrEqual(limits.settleRangesMax)
    }
    expect(asked).toHaveLength(2)
    expect(lost).toEqual([1, 1])
  })
})
