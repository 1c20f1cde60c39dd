import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import { Block } from "../state/Block.js"
import { Bench, refusal } from "../testing/Bench.js"

describe("a settle that names the same wide range many times", () => {
  it("looks at no more messages than a session could hold", () => {
    const bench = new Bench()
    bench.checked = false
    for (let frame = 0; frame < 64; frame++) bench.publish(4096)
    let looks = 0
    const lane = Block.prototype.lane
    Block.prototype.lane = function (offset) {
      looks++
      return lane.call(this, offset)
    }
    try {
      const settle = { outcome: "ack", epoch: 1, attempt: 0, ranges: [1, 64 * 4096] } as const
      const settles = Array.from({ length: 64 }, () => settle)
      bench.run({ _tag: "Settle", session: "s", settles })
    } finally {
      Block.prototype.lane = lane
    }
    expect(looks).toBeLessThanOrEqual(limits.leasedPerSessionMax + limits.eventRangesMax)
  })
})

describe("what one settle or extend may name", () => {
  const max = limits.leasedPerSessionMax
  const ack = { outcome: "ack", epoch: 1, attempt: 0 } as const

  it("is as many messages as a session can hold, over all its settles", () => {
    const bench = new Bench()
    const half = { ...ack, ranges: [1, max / 2] }
    const run = (ranges: number[]) =>
      bench.run({ _tag: "Settle", session: "s", settles: [half, { ...ack, ranges }] })
    expect(run([1, max / 2]).reply._tag).toBe("Settled")
    expect(refusal(run([1, max / 2 + 1]))).toBe("LimitExceeded")
    const extend = (last: number) =>
      bench.run({ _tag: "Extend", session: "s", epoch: 1, ranges: [1, last] })
    expect(extend(max).reply._tag).toBe("Extended")
    expect(refusal(extend(max + 1))).toBe("LimitExceeded")
  })

  it("is so many settles, be they empty", () => {
    const bench = new Bench()
    const run = (length: number) => {
      const settles = Array.from({ length }, () => ({ ...ack, ranges: [] }))
      return bench.run({ _tag: "Settle", session: "s", settles })
    }
    expect(run(limits.settlesPerRequestMax).reply._tag).toBe("Settled")
    expect(refusal(run(limits.settlesPerRequestMax + 1))).toBe("LimitExceeded")
  })
})
