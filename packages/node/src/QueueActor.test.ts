import type { Turn, Waiter } from "@skein/cluster"
import { DiskFailed, type FrameToStore } from "@skein/journal"
import { defaultQueuePolicy, limits, type SkeinError, skeinError } from "@skein/model"
import { type Command, emptyQueue, evolve } from "@skein/queue"
import { describe, expect, it } from "vitest"
import { QueueActor } from "./QueueActor.js"
import { producer, session } from "./testing/Rig.js"

/** A host's part in memory: each `turn` is a record that is committed at its end. */
const setup = () => {
  const faults: string[] = []
  const released: number[] = []
  const reading: { fault: Error | undefined } = { fault: undefined }
  /** What a record holds at most. */
  const room = { bytes: limits.recordBytesMax }
  let wakes = 0
  const actor = new QueueActor(emptyQueue(7), {
    epoch: 1,
    read: async () => {
      if (reading.fault !== undefined) throw reading.fault
      return new Uint8Array(100)
    },
    wake: () => void wakes++,
    admit: () => undefined,
    sessionLease: () => undefined,
    adoptSession: () => {},
    release: (location) => void released.push(location),
    onFault: (_generation, error) => void faults.push(error._tag),
  })
  let location = 0
  let nowMs = 0
  const turn = async (): Promise<Uint8Array | undefined> => {
    const waiters: Waiter[] = []
    const frames: FrameToStore[] = []
    const record: Turn = {
      now: { journalMs: nowMs, monotonicMs: nowMs++ },
      store: (frame) => void frames.push(frame),
      wait: (waiter) => void waiters.push(waiter),
      count: () => {},
      reserve: () => true,
      noRoom: () => skeinError("DiskFull", "never"),
      fits: (bytes) => bytes <= room.bytes,
      spent: () => false,
    }
    actor.work(record)
    const events = actor.seal(record)
    for (const { first } of frames) actor.relocate(first, ++location)
    for (const waiter of waiters) waiter.release()
    await Promise.resolve()
    return events
  }
  return { actor, faults, reading, released, room, turn, wakes: () => wakes }
}

const publish = (frameNumber: number): Command => ({
  _tag: "Publish",
  producer,
  frameNumber,
  frame: { count: 2, bytes: 100, bodyBytesLargest: 10 },
})

const fetch = (fetchNumber: number) => ({
  _tag: "Fetch" as const,
  session,
  fetchNumber,
  messagesMax: 10,
  bytesMax: 1000,
  waitMs: 1000,
  settles: [],
})

const tag = (error: SkeinError): string => error._tag

/** An actor whose state is damaged so that its next settle cannot be applied. */
const damaged = async () => {
  const all = setup()
  const { actor, turn } = all
  void actor.create("q", defaultQueuePolicy)
  void actor.ask(publish(1), new Uint8Array(100))
  await turn()
  const call = actor.fetch(fetch(1))
  await turn()
  await call.delivered
  const block = actor.state.blocks.first
  if (block === undefined) throw new Error("there is a block")
  block.frames.settle(0, 2)
  return all
}

const ack: Command = {
  _tag: "Settle",
  session,
  settles: [{ outcome: "ack", epoch: 1, attempt: 0, ranges: [1, 2] }],
}

describe("QueueActor, when an event cannot be applied", () => {
  it("is set aside: all that wait are told, nothing of the event is journaled", async () => {
    const { actor, faults, turn } = await damaged()
    const waiting = actor.fetch({ ...fetch(2), waitMs: 9 }).delivered.catch(tag)
    await turn()
    const settled = actor.ask(ack).catch(tag)
    const behind = actor.ask(publish(2), new Uint8Array(100)).catch(tag)
    expect(await turn()).toBeUndefined()
    expect(await Promise.all([waiting, settled, behind])).toEqual([
      "Quarantined",
      "Quarantined",
      "Quarantined",
    ])
    expect(await actor.ask(publish(3), new Uint8Array(100)).catch(tag)).toBe("Quarantined")
    expect(await actor.fetch(fetch(3)).settled.catch(tag)).toBe("Quarantined")
    expect(faults).toEqual(["Quarantined"])
    expect(actor.isAside()).toBe(true)
    expect(actor.dueMs()).toBe(Number.POSITIVE_INFINITY)
  })

  it("gives no frame back, and keeps the places of those that come to be known later", async () => {
    const { actor, released, turn } = await damaged()
    void actor.ask(ack).catch(tag)
    await turn()
    expect(actor.relocate(50, 123)).toBe(true)
    expect(actor.locate(50)).toBe(123)
    expect(released).toEqual([])
  })

  it("can be deleted all the same, and its chunks go", async () => {
    for (const half of [true, false]) {
      const { actor, turn } = await damaged()
      actor.checkpoint()
      // With the ack the state is half changed; without it the deletion itself cannot be applied.
      if (half) void actor.ask(ack).catch(tag)
      await turn()
      actor.close(skeinError("QueueNotFound", "deleted"))
      actor.erase()
      const delta = actor.checkpoint()
      expect(delta.put).toEqual([])
      expect(delta.drop).toEqual(expect.arrayContaining(["q7/h", "q7/b0", "q7/p10"]))
    }
  })

  it("replays what comes before the event, and nothing after it", () => {
    const { actor, faults } = setup()
    actor.replay(Uint8Array.of(1, 2, 3))
    actor.replay(Uint8Array.of(4))
    expect(faults).toEqual(["Quarantined"])
  })
})

describe("QueueActor, commands of any size", () => {
  it("refuses what no record can hold, and goes on", async () => {
    const { actor, faults, room, turn } = setup()
    void actor.create("q", defaultQueuePolicy)
    await turn()
    room.bytes = 50
    const refused = actor.ask(publish(1), new Uint8Array(100)).catch(tag)
    await turn()
    expect(await refused).toBe("InternalError")
    expect(faults).toEqual(["InternalError"])
    room.bytes = limits.recordBytesMax
    const stored = actor.ask(publish(1), new Uint8Array(100))
    await turn()
    expect(await stored).toMatchObject({ _tag: "Published", first: 1 })
    // What does not fit beside the others' events is handed out with the next record.
    const call = actor.fetch(fetch(1))
    room.bytes = 50
    await turn()
    room.bytes = limits.recordBytesMax
    await turn()
    expect(await call.delivered).toHaveLength(1)
  })

  it("purges in several records, and answers after the last", async () => {
    const { actor, turn } = setup()
    void actor.create("q", defaultQueuePolicy)
    await turn()
    const { frameMessagesMax: count, eventRangesMax } = limits
    const frames = (eventRangesMax * 2) / count + 1
    for (let frameNumber = 1; frameNumber <= frames; frameNumber++) {
      const frame = { count, bytes: 100, bodyBytesLargest: 10 }
      const published = actor.ask(
        { _tag: "Publish", producer, frameNumber, frame },
        new Uint8Array(100),
      )
      await turn()
      await published
    }
    for (let at = 1; at < frames * count; at += 2) {
      evolve(actor.state, { _tag: "MessagesPurged", ranges: [at, at] })
    }
    let removed: number | undefined
    const purge = actor.purge().then((messages) => {
      removed = messages
    })
    expect(await turn()).toBeDefined()
    expect(removed).toBeUndefined()
    await turn()
    await purge
    expect(removed).toBe((frames * count) / 2)
  })
})

describe("QueueActor, reading frames", () => {
  it("is not set aside for want of file handles; the fetch, asked again, gets them", async () => {
    const { actor, faults, reading, turn } = setup()
    void actor.create("q", defaultQueuePolicy)
    void actor.ask(publish(1), new Uint8Array(100))
    await turn()
    reading.fault = new DiskFailed("open", "/data/segment", "EMFILE")
    const refused = actor.fetch(fetch(1))
    await turn()
    expect(await refused.delivered.catch(tag)).toBe("Overloaded")
    reading.fault = undefined
    const again = actor.fetch(fetch(1))
    await turn()
    expect(await again.delivered).toMatchObject([{ first: 1, last: 2 }])
    expect(faults).toEqual([])
  })
})

describe("QueueActor, asked to cancel", () => {
  it("takes one cancel of a fetch, however often it is said", async () => {
    const { actor, turn, wakes } = setup()
    void actor.create("q", defaultQueuePolicy)
    await turn()
    const call = actor.fetch(fetch(1))
    await turn()
    const before = wakes()
    for (let time = 0; time < 100; time++) call.cancel()
    expect(wakes()).toBe(before + 1)
    await turn()
    expect(await call.delivered).toEqual([])
    expect(actor.waitingFetches).toBe(0)
  })
})

describe("QueueActor, when a decision throws", () => {
  it("answers InternalError to that command only", async () => {
    const { actor, faults, turn } = setup()
    void actor.create("q", defaultQueuePolicy)
    const bad = actor.ask({ ...publish(1), frameNumber: Number.NaN } as Command).catch(tag)
    const good = actor.ask(publish(1), new Uint8Array(100))
    await turn()
    expect(await bad).toBe("InternalError")
    expect((await good)._tag).toBe("Published")
    expect(faults).toEqual(["InternalError"])
  })
})
