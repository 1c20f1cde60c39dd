import { describe, expect, it } from "vitest"
import { counts } from "../QueueState.js"
import { Bench, refusal, spans } from "../testing/Bench.js"

const leasedBench = (count = 10): Bench => {
  const bench = new Bench()
  bench.publish(count)
  bench.fetch("s", 1, count)
  return bench
}

describe("a settle of a leased message", () => {
  it("ack and reject remove it, return and fail put it back in its place", () => {
    const bench = leasedBench(4)
    bench.settle("ack", [1, 1])
    bench.settle("reject", [2, 2])
    bench.settle("return", [3, 3])
    bench.settle("fail", [4, 4])
    expect(counts(bench.state)).toMatchObject({
      total: 2,
      ready: 2,
      acked: 1,
      rejected: 1,
      returned: 1,
      failed: 1,
    })
    const [delivery] = bench.fetch("s", 2)
    expect(delivery.runs).toMatchObject([
      { first: 3, last: 3, attempt: 1, returned: 1, failed: 0, redelivered: true },
      { first: 4, last: 4, attempt: 1, returned: 0, failed: 1, redelivered: true },
    ])
  })

  it("is refused under an older tag of it", () => {
    const bench = leasedBench(1)
    bench.settle("fail", [1, 1])
    bench.fetch("s", 2)
    expect(bench.settle("ack", [1, 1], 0)).toEqual([[1, 1]])
    expect(bench.settle("ack", [1, 1], 1)).toEqual([])
  })

  it("is refused under a tag of an older epoch", () => {
    const bench = leasedBench(1)
    bench.open(2)
    bench.fetch("s", 1)
    expect(bench.settle("ack", [1, 1], 0, 1)).toEqual([[1, 1]])
    expect(counts(bench.state).leased).toBe(1)
  })
})

describe("a settle of a message that is ready again", () => {
  it("still takes an ack when the lease ran out", () => {
    const bench = leasedBench(1)
    bench.now = { ...bench.now, monotonicMs: 1_000 }
    bench.run({ _tag: "Tick", stallMs: 0 })
    expect(counts(bench.state)).toMatchObject({ ready: 1, expired: 1, failed: 1 })
    expect(bench.settle("ack", [1, 1], 0)).toEqual([])
    expect(counts(bench.state)).toMatchObject({ total: 0, acked: 1 })
  })

  it("answers the same return again with ok, without counting it twice", () => {
    const bench = leasedBench(1)
    bench.settle("return", [1, 1])
    expect(bench.settle("return", [1, 1])).toEqual([])
    expect(counts(bench.state).returned).toBe(1)
  })

  it("takes settles of a former owner's deliveries after a crash", () => {
    const bench = leasedBench(3)
    bench.open(2)
    expect(bench.settle("ack", [1, 1], 0, 1)).toEqual([])
    expect(bench.settle("fail", [2, 2], 0, 1)).toEqual([])
    expect(counts(bench.state)).toMatchObject({ total: 2, acked: 1, failed: 1 })
  })

  it("refuses tags that were never given out", () => {
    const bench = new Bench()
    bench.publish(1)
    expect(bench.settle("ack", [1, 1], 0)).toEqual([[1, 1]])
    expect(bench.settle("ack", [1, 1], 3)).toEqual([[1, 1]])
    expect(bench.settle("ack", [1, 1], 0, 9)).toEqual([[1, 1]])
    expect(bench.settle("ack", [2, 5])).toEqual([[2, 5]])
    bench.open(2)
    // Never handed out under epoch 1, because its block was not touched.
    expect(bench.settle("ack", [1, 1], 0, 1)).toEqual([[1, 1]])
  })
})

/** Message 1 was handed out a second time, because its first lease ran out. */
const twiceDelivered = (count = 1): Bench => {
  const bench = leasedBench(count)
  expire(bench)
  bench.fetch("t", 1, 1)
  return bench
}

const expire = (bench: Bench): void => {
  bench.now = { ...bench.now, monotonicMs: bench.now.monotonicMs + 1_000 }
  bench.run({ _tag: "Tick", stallMs: 0 })
}

const lostOne = [[1, 1]]

describe("a settle of a settled message", () => {
  it("is ok under the tag that settled it, lost under the others", () => {
    for (const count of [1, 2]) {
      const bench = twiceDelivered(count)
      expect(bench.settle("ack", [1, 1], 1)).toEqual([])
      expect(bench.settle("ack", [1, 1], 1)).toEqual([])
      expect(bench.settle("ack", [1, 1], 0)).toEqual(lostOne)
      bench.open(2)
      expect(bench.settle("ack", [1, 1], 1, 1)).toEqual([])
      expect(bench.settle("ack", [1, 1], 0, 1)).toEqual(lostOne)
      expect(bench.settle("ack", [1, 1], 1, 2)).toEqual(lostOne)
    }
  })

  it("that came late is ok again, and the later delivery's is lost", () => {
    for (const count of [1, 2]) {
      const bench = twiceDelivered(count)
      expire(bench)
      expect(bench.settle("ack", [1, 1], 0)).toEqual([])
      expect(bench.settle("ack", [1, 1], 0)).toEqual([])
      expect(bench.settle("ack", [1, 1], 1)).toEqual(lostOne)
      expect(counts(bench.state)).toMatchObject({ acked: 1, total: count - 1 })
    }
  })

  it("under a former owner's tag is ok again, and the later delivery's is lost", () => {
    const bench = leasedBench(1)
    bench.open(2)
    bench.fetch("t", 1)
    bench.open(3)
    expect(bench.settle("ack", [1, 1], 0, 1)).toEqual([])
    expect(bench.settle("ack", [1, 1], 0, 1)).toEqual([])
    expect(bench.settle("ack", [1, 1], 0, 2)).toEqual(lostOne)
  })

  it("is judged alike when its block is gone", () => {
    const bench = twiceDelivered(1)
    bench.settle("ack", [1, 1], 1)
    bench.checked = false
    for (let frame = 0; frame < 42; frame++) bench.publish(100)
    bench.fetch("t", 2, 8_192)
    for (let number = 3; number < 45; number++) bench.fetch("t", number)
    bench.settle("ack", [2, 4_201])
    expect(bench.state.blocks.byIndex.has(0)).toBe(false)
    expect(bench.settle("ack", [1, 3], 1)).toEqual([])
    expect(bench.settle("ack", [1, 3], 0)).toEqual(lostOne)
    expect(bench.settle("ack", [1, 3], 0, 9)).toEqual([[1, 3]])
  })

  it("is lost if a purge took it after its lease had run out", () => {
    const bench = leasedBench(1)
    expire(bench)
    bench.run({ _tag: "Purge" })
    expect(bench.settle("ack", [1, 1], 0)).toEqual(lostOne)
  })

  it("is ok under any tag when it was handed out once", () => {
    const bench = leasedBench(2)
    bench.settle("ack", [1, 2])
    expect(bench.settle("fail", [1, 2], 5)).toEqual([])
    expect(counts(bench.state)).toMatchObject({ acked: 2, failed: 0 })
  })
})

describe("several settles in one command", () => {
  it("the first counts; an ack after a return of the same message is lost", () => {
    const bench = leasedBench(4)
    const settles = [
      { outcome: "return", epoch: 1, attempt: 0, ranges: [1, 2] },
      { outcome: "ack", epoch: 1, attempt: 0, ranges: [2, 3] },
      { outcome: "fail", epoch: 1, attempt: 0, ranges: [3, 4] },
    ] as const
    const { reply } = bench.run({ _tag: "Settle", session: "s", settles })
    expect(reply).toEqual({ _tag: "Settled", lost: [[], [2, 2], []] })
    expect(counts(bench.state)).toMatchObject({ acked: 1, returned: 2, failed: 1, total: 3 })
  })

  it("of two deliveries of one message: the first counts, the second is lost", () => {
    const bench = twiceDelivered()
    const settles = [
      { outcome: "ack", epoch: 1, attempt: 1, ranges: [1, 1] },
      { outcome: "ack", epoch: 1, attempt: 0, ranges: [1, 1] },
      { outcome: "ack", epoch: 1, attempt: 1, ranges: [1, 1] },
    ] as const
    const { reply } = bench.run({ _tag: "Settle", session: "t", settles })
    expect(reply).toEqual({ _tag: "Settled", lost: [[], [1, 1], []] })
  })

  it("refuses ranges that are none, and too many of them", () => {
    const bench = leasedBench(4)
    const settle = (ranges: readonly number[]) =>
      bench.run({
        _tag: "Settle",
        session: "s",
        settles: [{ outcome: "ack", epoch: 1, attempt: 0, ranges }],
      })
    for (const ranges of [
      [1],
      [3, 2],
      [0, 1],
      [1, 2, 2, 3],
      [3, 3, 1, 1],
      [1, 1.5],
      [Number.NaN, 1],
    ]) {
      expect(refusal(settle(ranges))).toBe("ProtocolError")
    }
    const many = Array.from({ length: 8_193 * 2 }, (_, at) => at * 2 + 1 - (at % 2))
    expect(refusal(settle(many))).toBe("LimitExceeded")
    expect(counts(bench.state).leased).toBe(4)
  })
})

it("settles ranges over blocks and frames", () => {
  const bench = new Bench()
  bench.checked = false
  for (let frame = 0; frame < 100; frame++) bench.publish(100)
  for (let number = 1; number <= 100; number++) bench.fetch("s", number)
  bench.checked = true
  expect(bench.settle("ack", [50, 9_950])).toEqual([])
  expect(counts(bench.state)).toMatchObject({ total: 99, bytes: 2_000 })
  expect(bench.settle("return", [1, 49, 9_951, 10_000])).toEqual([])
  expect(spans(bench.fetch("s", 200)[0])).toEqual(["1-49", "9951-10000"])
})
