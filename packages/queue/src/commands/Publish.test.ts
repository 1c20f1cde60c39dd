import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import { digest } from "../digest.js"
import { counts } from "../QueueState.js"
import { Bench, producerA, producerB, refusal } from "../testing/Bench.js"

const frameOf = (count: number) => ({ count, bytes: count * 10, bodyBytesLargest: 10 })

const again = (bench: Bench, frameNumber: number, count = 1, producer = producerA) =>
  bench.run({ _tag: "Publish", producer, frameNumber, frame: frameOf(count) })

/** One id a message; 0 stands for none. */
const ids = (...numbers: number[]): Uint8Array => {
  const column = new Uint8Array(numbers.length * 16)
  numbers.forEach((number, at) => {
    new DataView(column.buffer).setUint32(at * 16, number, true)
  })
  return column
}

describe("the producer contract", () => {
  it("answers a repeat with the stored result, and stores nothing", () => {
    const bench = new Bench()
    const { reply } = bench.publish(3)
    bench.publish(2)
    const told = digest(bench.state)
    const repeat = again(bench, 1, 3)
    expect(repeat.reply).toEqual(reply)
    expect(repeat.events).toEqual([])
    expect(digest(bench.state)).toBe(told)
    expect(counts(bench.state).total).toBe(5)
  })

  it("remembers the last 16 results, and never takes an older frame as new", () => {
    const bench = new Bench()
    for (let frame = 1; frame <= 20; frame++) bench.publish(1)
    expect(again(bench, 5).reply).toEqual({ _tag: "Published", first: 5, count: 1 })
    expect(refusal(again(bench, 4))).toBe("ProducerUnknown")
  })

  it("refuses a gap with the number it expects, and takes that number afterwards", () => {
    const bench = new Bench()
    bench.publish(1)
    const { reply } = again(bench, 4)
    expect(reply).toMatchObject({ _tag: "Refused", error: { data: { expected: 2 } } })
    expect(again(bench, 2).reply).toMatchObject({ _tag: "Published", first: 2 })
  })

  it("does not take an unknown producer above frame 1", () => {
    expect(refusal(again(new Bench(), 2))).toBe("ProducerUnknown")
  })

  it("forgets a producer after an hour of journal time, not before", () => {
    const bench = new Bench()
    bench.publish(1)
    bench.now = {
      ...bench.now,
      journalMs: bench.now.journalMs + limits.producerForgottenAfterMs - 1,
    }
    expect(again(bench, 1).reply._tag).toBe("Published")
    bench.now = { ...bench.now, journalMs: bench.now.journalMs + 1 }
    expect(refusal(again(bench, 2))).toBe("ProducerUnknown")
    // Frame 1 of a forgotten producer is a new producer's.
    expect(again(bench, 1).reply).toMatchObject({ _tag: "Published", first: 2 })
    expect(counts(bench.state).producers).toBe(1)
  })

  it("takes no more than 10,000 producers, and one more when one was forgotten", () => {
    const bench = new Bench()
    const { state } = bench
    const id = (number: number): string => number.toString(16).padStart(32, "0")
    for (let number = 0; number < limits.producersPerQueueMax; number++) {
      state.producers.accept(id(number), 1, 1_000_000 + number, { first: 1, count: 1 })
    }
    expect(refusal(again(bench, 1, 1, producerB))).toBe("ProducersMax")
    bench.now = { ...bench.now, journalMs: 1_000_000 + limits.producerForgottenAfterMs }
    expect(again(bench, 1, 1, producerB).reply._tag).toBe("Published")
    expect(counts(state).producers).toBe(limits.producersPerQueueMax)
  })
})

describe("limits of a queue", () => {
  it("a refusal is not journaled and does not use up the frame's number", () => {
    const bench = new Bench({ messagesMax: 5 })
    bench.publish(4)
    const told = digest(bench.state)
    const decision = again(bench, 2, 2)
    expect(refusal(decision)).toBe("QueueFull")
    expect(decision.reply).toMatchObject({
      error: { detail: "no room for 2 more: the queue holds 4 of at most 5 messages" },
    })
    expect(decision.events).toEqual([])
    expect(digest(bench.state)).toBe(told)
    expect(again(bench, 2, 1).reply._tag).toBe("Published")
  })

  it("counts leased messages, and bytes of whole frames", () => {
    const bench = new Bench({ bytesMax: 100 })
    bench.publish(9)
    bench.fetch("s", 1)
    const full = again(bench, 2, 2)
    expect(refusal(full)).toBe("QueueFull")
    expect(full.reply).toMatchObject({
      error: {
        detail: "no room for 20 bytes more: the queue holds 90 of at most 100 bytes of frames",
      },
    })
    bench.settle("ack", [1, 8])
    expect(refusal(again(bench, 2, 2))).toBe("QueueFull")
    bench.settle("ack", [9, 9])
    expect(again(bench, 2, 2).reply._tag).toBe("Published")
  })

  it("refuses a body that is too large", () => {
    expect(refusal(new Bench({ bodyBytesMax: 9 }).publish(1))).toBe("BodyTooLarge")
  })
})

describe("dedup ids", () => {
  it("drop single messages that repeat an id, in the window and in the frame", () => {
    const bench = new Bench()
    bench.publish(3, producerA, ids(1, 0, 2))
    const { reply } = bench.publish(5, producerB, ids(2, 3, 0, 3, 0))
    expect(reply).toMatchObject({ first: 4, count: 5, duplicates: Uint8Array.of(0b01001) })
    expect(counts(bench.state)).toMatchObject({ total: 6, duplicates: 2, dedupIds: 3 })
    expect(bench.fetch("s", 1)[0].runs.map(({ first, selection }) => [first, selection])).toEqual([
      [1, undefined],
      [5, Uint8Array.of(0b1011)],
    ])
  })

  it("a frame of duplicates only is not stored, but its producer goes on", () => {
    const bench = new Bench({ messagesMax: 1 })
    bench.publish(1, producerA, ids(1))
    expect(bench.publish(1, producerA, ids(1)).reply._tag).toBe("Published")
    expect(counts(bench.state)).toMatchObject({ total: 1, bytes: 10, duplicates: 1 })
    bench.fetch("s", 1)
    bench.settle("ack", [1, 1])
    expect(bench.publish(1).reply).toMatchObject({ first: 3 })
  })

  it("counts an id once in a window of journal time", () => {
    const bench = new Bench({ dedupWindowMs: 1_000 })
    bench.publish(1, producerA, ids(1))
    bench.now = { ...bench.now, journalMs: bench.now.journalMs + 999 }
    expect(bench.publish(1, producerA, ids(1)).reply).toHaveProperty("duplicates")
    bench.now = { ...bench.now, journalMs: bench.now.journalMs + 1 }
    expect(bench.publish(1, producerA, ids(1)).reply).not.toHaveProperty("duplicates")
  })

  it("are ignored when the window is 0", () => {
    const bench = new Bench({ dedupWindowMs: 0 })
    bench.publish(2, producerA, ids(1, 1))
    expect(counts(bench.state)).toMatchObject({ total: 2, dedupIds: 0 })
  })

  it("refuse publishes when the window is full, until ids expire", () => {
    const bench = new Bench({ dedupWindowMs: 1_000, messagesMax: 2_000_000 })
    bench.checked = false
    const column = new Uint8Array(4096 * 16)
    const words = new Uint32Array(column.buffer)
    let number = 1
    const fill = (count: number) => {
      for (let at = 0; at < count; at++) words[at * 4] = number++
      return bench.publish(count, producerA, column.subarray(0, count * 16))
    }
    while (number + 4096 <= limits.dedupIdsPerQueueMax) fill(4096)
    fill(limits.dedupIdsPerQueueMax - number + 1)
    bench.now = { ...bench.now, journalMs: bench.now.journalMs + 999 }
    expect(refusal(fill(1))).toBe("DedupWindowFull")
    expect(bench.publish(1).reply._tag).toBe("Published")
    bench.now = { ...bench.now, journalMs: bench.now.journalMs + 1 }
    expect(fill(1).reply._tag).toBe("Published")
  }, 60_000)
})
