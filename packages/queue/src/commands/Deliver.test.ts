import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import { counts, nextDueMs } from "../QueueState.js"
import { Bench, producerA, refusal, spans } from "../testing/Bench.js"

const answers = (bench: Bench): string[] =>
  bench.deliver().map((delivery) => {
    const { session, fetchNumber } = delivery
    return `${session}${fetchNumber}: ${spans(delivery).join(" ")}`
  })

describe("credit", () => {
  it("is served round robin by session, then by fetch number, and the turn is kept", () => {
    const bench = new Bench()
    for (const number of [1, 2, 3]) bench.wait("a", number, 2)
    for (const number of [1, 2]) bench.wait("b", number, 2)
    bench.publish(6)
    expect(answers(bench)).toEqual(["a1: 1-2", "b1: 3-4", "a2: 5-6"])
    bench.publish(4)
    expect(answers(bench)).toEqual(["b2: 7-8", "a3: 9-10"])
  })

  it("gives at least one message, even if it is larger than bytesMax", () => {
    const bench = new Bench()
    bench.publish(5)
    const fetch = (fetchNumber: number, bytesMax: number) =>
      bench.run({
        _tag: "Fetch",
        session: "a",
        fetchNumber,
        messagesMax: 10,
        bytesMax,
        waitMs: 0,
        settles: [],
      })
    fetch(1, 1)
    fetch(2, 25)
    expect(answers(bench)).toEqual(["a1: 1-1", "a2: 2-3"])
  })

  it("answers with parts of no more frames than fit in one answer whole", () => {
    const bench = new Bench()
    const bytes = 1_000_000
    for (let frameNumber = 1; frameNumber <= 20; frameNumber++) {
      const frame = { count: 100, bytes, bodyBytesLargest: 900_000 }
      bench.run({ _tag: "Publish", producer: producerA, frameNumber, frame })
    }
    for (let number = 1; number <= 20; number++) bench.fetch("a", number)
    // One message of each frame is left, which may be the one that has nearly all of its bytes.
    for (let frame = 0; frame < 20; frame++) {
      bench.settle("ack", [frame * 100 + 1, frame * 100 + 99])
      bench.settle("return", [frame * 100 + 100, frame * 100 + 100])
    }
    const bounded = Math.floor(limits.frameBytesMax / bytes)
    const [first] = bench.fetch("a", 21)
    expect(first.runs).toHaveLength(bounded)
    expect(bench.fetch("a", 22)[0].runs).toHaveLength(bounded)
    expect(bench.fetch("a", 21)[0].runs).toEqual(first.runs)
  })

  it("gives no session more than it may hold", () => {
    const bench = new Bench()
    bench.checked = false
    for (let frame = 0; frame < 17; frame++) bench.publish(4096)
    for (let number = 1; number <= 16; number++) bench.fetch("a", number, 4096)
    expect(counts(bench.state).leased).toBe(65_536)
    expect(bench.fetch("a", 17)).toMatchObject([{ fetchNumber: 17, runs: [] }])
  })
})

describe("waiting", () => {
  it("a fetch that does not wait is answered at the end of the batch, if need be empty", () => {
    const bench = new Bench()
    bench.wait("a", 1, 10, 0)
    bench.wait("b", 1, 10, 500)
    expect(answers(bench)).toEqual(["a1: "])
    expect(nextDueMs(bench.state)).toBe(500)
    bench.now = { ...bench.now, monotonicMs: 500 }
    expect(bench.run({ _tag: "Tick", stallMs: 0 }).deliveries).toEqual([
      { session: "b", fetchNumber: 1, runs: [] },
    ])
    expect(nextDueMs(bench.state)).toBe(Number.POSITIVE_INFINITY)
  })

  it("a cancelled fetch gets nothing", () => {
    const bench = new Bench()
    bench.wait("a", 1)
    bench.run({ _tag: "CancelFetch", session: "a", fetchNumber: 1 })
    bench.publish(1)
    expect(answers(bench)).toEqual([])
    bench.run({ _tag: "CancelFetch", session: "nobody", fetchNumber: 1 })
  })

  it("is bounded per session", () => {
    const bench = new Bench()
    for (let number = 1; number <= 16; number++) bench.wait("a", number)
    expect(refusal(bench.wait("a", 17))).toBe("LimitExceeded")
    expect(bench.wait("a", 16).reply._tag).toBe("Settled")
  })
})

describe("a repeated fetch number", () => {
  it("gets the same messages as far as they are still leased", () => {
    const bench = new Bench()
    bench.publish(10)
    bench.fetch("a", 1, 4)
    bench.fetch("a", 2, 4)
    bench.settle("ack", [2, 2])
    bench.settle("return", [4, 4])
    bench.tags()
    const [delivery] = bench.fetch("a", 1)
    expect(delivery.runs).toMatchObject([{ first: 1, last: 3, selection: Uint8Array.of(0b101) }])
    expect(bench.tags()).toEqual(["FetchWaits", "FetchEnded"])
  })

  it("gets an empty answer when its messages have ended, not new ones", () => {
    const bench = new Bench()
    bench.publish(4)
    bench.fetch("a", 1, 2)
    bench.settle("ack", [1, 2])
    expect(bench.fetch("a", 1)).toMatchObject([{ runs: [] }])
    expect(spans(bench.fetch("a", 2)[0])).toEqual(["3-4"])
  })
})

describe("what is journaled of a delivery", () => {
  it("the first message of a block touches it, once under an owner", () => {
    const bench = new Bench()
    bench.publish(4090)
    bench.publish(10)
    bench.tags()
    bench.fetch("a", 1, 10)
    expect(bench.durableTags()).toEqual(["Touched"])
    bench.fetch("a", 2, 4096)
    expect(bench.durableTags()).toEqual(["Touched"])
    bench.publish(1)
    bench.fetch("a", 3)
    expect(bench.durableTags()).toEqual(["FramePublished"])
  })

  it("a drained block stays touched while messages can still come into it", () => {
    const bench = new Bench()
    for (let round = 1; round <= 3; round++) {
      bench.publish(1)
      bench.fetch("a", round)
      bench.settle("ack", [round, round])
    }
    expect(bench.durableTags().filter((tag) => tag === "Touched")).toHaveLength(1)
  })

  it("messages that failed are journaled when they go out again, returned ones are not", () => {
    const bench = new Bench()
    bench.publish(4)
    bench.fetch("a", 1)
    bench.settle("fail", [2, 3])
    bench.settle("return", [4, 4])
    bench.tags()
    bench.fetch("a", 2)
    expect(bench.events.filter(({ _tag }) => _tag === "Redelivered")).toEqual([
      { _tag: "Redelivered", ranges: [2, 3] },
    ])
  })

  it("after a crash touched messages are flagged, open deliveries have failed", () => {
    const bench = new Bench()
    bench.publish(4096)
    bench.publish(4)
    bench.fetch("a", 1, 2)
    bench.settle("fail", [2, 2])
    bench.fetch("a", 2, 2)
    // Leased: 1, 2 (open), 3. Handed out of block 0 only.
    bench.open(2)
    const [delivery] = bench.fetch("a", 1, 4100)
    expect(delivery.runs).toMatchObject([
      { first: 1, last: 1, attempt: 0, redelivered: true },
      { first: 2, last: 2, attempt: 2, failed: 2, redelivered: true },
      { first: 3, last: 4095, attempt: 0, redelivered: true },
      { first: 4096, last: 4096, attempt: 0, redelivered: false },
    ])
    expect(counts(bench.state)).toMatchObject({ failed: 2, lost: 1 })
  })
})
