import {
  type Journal,
  ManualClock,
  MemoryStore,
  MemoryTokens,
  memoryJournal,
  memoryOwnership,
} from "@skein/journal"
import { limits, skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { GroupCommit } from "./GroupCommit.js"
import type { ActorFactory, HostContext } from "./HostContext.js"
import { ShardHost } from "./ShardHost.js"
import { NoteActor } from "./testing/NoteActor.js"

interface Setup {
  readonly host: ShardHost
  readonly clock: ManualClock
  readonly commit: GroupCommit
  readonly faults: string[]
  readonly actor: (generation: number) => NoteActor
}

const openHost = async (
  journal: Journal,
  clock = new ManualClock(),
  commit = new GroupCommit(journal, clock),
  shard = 7,
): Promise<Setup> => {
  const opened = await journal.openShard(shard)
  const faults: string[] = []
  const { make, factory } = notesOf(clock)
  const opening = ShardHost.open(opened, factory, contextOf(journal, clock, commit, faults))
  await settle(clock)
  const host = await opening
  const actor = (generation: number) => {
    const found = host.actors.get(generation)
    if (found instanceof NoteActor) return found
    const made = make(generation, host)
    host.add(made)
    return made
  }
  return { host, clock, commit, faults, actor }
}

const notesOf = (clock: ManualClock) => {
  const make = (generation: number, host: ShardHost) =>
    new NoteActor(generation, (actor) => host.wake(actor), clock)
  const factory: ActorFactory = {
    generationOf: (key) => Number(key.slice(1, key.indexOf("/"))),
    replaying: make,
    restored: (generation, chunks, host) => {
      const actor = make(generation, host)
      for (const chunk of chunks) actor.replay(chunk.bytes)
      return actor
    },
  }
  return { make, factory }
}

const contextOf = (
  journal: Journal,
  clock: ManualClock,
  commit: GroupCommit,
  faults: string[],
): HostContext => ({
  journal,
  clock,
  wake: commit.wake,
  commitSoon: commit.commitSoon,
  noticeStall: () => {},
  onFault: (_host, error) => void faults.push(error.detail),
})

/** Runs deferred turns and the promises between them until nothing is left to do. */
const settle = async (clock: ManualClock): Promise<void> => {
  for (let round = 0; round < 50; round++) {
    clock.advance(0)
    await Promise.resolve()
  }
}

describe("ShardHost", () => {
  it("answers only after the commit, in order, and tells where frames lie", async () => {
    const { actor, clock } = await openHost(memoryJournal())
    const notes = actor(1)
    notes.add("a")
    notes.add("b")
    expect(notes.answered).toEqual([])
    await settle(clock)
    expect(notes.answered).toEqual(["a", "b"])
    expect([...notes.places.keys()]).toEqual([1, 2])
  })

  it("replays what was committed, of each actor, under a new epoch", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const journal = (instance: string) =>
      memoryJournal({ store, ownership: memoryOwnership(tokens, instance) })
    const first = await openHost(journal("1".repeat(32)))
    first.actor(1).add("a")
    first.actor(2).add("b")
    await settle(first.clock)
    const second = await openHost(journal("2".repeat(32)))
    expect(second.host.opened.epoch).toBe(first.host.opened.epoch + 1)
    expect(second.actor(1).notes).toEqual(["a"])
    expect(second.actor(2).notes).toEqual(["b"])
    expect(second.actor(1).opened).toBe(1)
    expect(second.actor(1).places.get(1)).toBe(first.actor(1).places.get(1))
  })

  it("replays nothing more once it was thrown away while it was followed", async () => {
    const [store, tokens] = [new MemoryStore(), new MemoryTokens()]
    const journal = (instance: string) =>
      memoryJournal({ store, ownership: memoryOwnership(tokens, instance) })
    const { actor, clock, commit } = await openHost(journal("1".repeat(32)))
    for (const note of ["a", "b", "c"]) {
      actor(1).add(note)
      await settle(clock)
    }
    const target = journal("2".repeat(32))
    const followed = await target.follow(7)
    const { factory } = notesOf(clock)
    const host = await ShardHost.follow(followed, factory, contextOf(target, clock, commit, []))
    const thrownAway = async function* () {
      for await (const record of followed.catchUp()) {
        if (host.actors.get(1) !== undefined) host.closed(skeinError("ShardUnavailable", "over"))
        yield record
      }
    }
    const reading = host.catchUp(thrownAway(), factory).catch(({ _tag }) => _tag)
    await settle(clock)
    expect(await reading).toBe("ShardUnavailable")
    // An actor made anew would be told the rest of another one's life.
    expect(host.actors.size).toBe(0)
  })

  it("closes without a reply when another owner has the shard", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const first = await openHost(
      memoryJournal({ store, ownership: memoryOwnership(tokens, "1".repeat(32)) }),
    )
    await openHost(memoryJournal({ store, ownership: memoryOwnership(tokens, "2".repeat(32)) }))
    const notes = first.actor(1)
    notes.add("late")
    await settle(first.clock)
    expect(notes.answered).toEqual([])
    expect(notes.failures).toEqual(["Moved", "closed Moved"])
    expect(first.host.isOpen).toBe(false)
    expect((await first.host.closedBecause)._tag).toBe("Moved")
  })

  it("says of a checkpoint in flight which places of frames it knows", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const first = await openHost(
      memoryJournal({ store, ownership: memoryOwnership(tokens, "1".repeat(32)) }),
    )
    const notes = first.actor(1)
    notes.add("a")
    await settle(first.clock)
    notes.add("b")
    first.host.turn(Number.POSITIVE_INFINITY)
    const delta = first.host.checkpoint()
    expect(delta?.recordNumber).toBe(2)
    expect(delta?.placedUpTo).toBe(1)
    await settle(first.clock)
    expect(notes.answered).toEqual(["a", "b"])
    expect(first.host.checkpoint()?.placedUpTo).toBe(2)
  })

  it("recovers from the checkpoint of a clean close, and from the records after it", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const journal = (instance: string) =>
      memoryJournal({ store, ownership: memoryOwnership(tokens, instance) })
    const first = await openHost(journal("1".repeat(32)))
    first.actor(1).add("a")
    await settle(first.clock)
    await first.host.opened.close()
    const second = await openHost(journal("2".repeat(32)))
    second.actor(1).add("b")
    await settle(second.clock)
    const third = await openHost(journal("3".repeat(32)))
    expect(third.actor(1).notes).toEqual(["a", "b"])
  })

  it("answers all others when one who waits throws, tells it once and serves on", async () => {
    const { actor, host, clock, faults } = await openHost(memoryJournal())
    actor(1).fault = "release"
    actor(1).add("a")
    actor(1).add("b")
    actor(2).add("x")
    await settle(clock)
    expect(actor(2).answered).toEqual(["x"])
    expect(faults).toEqual(["a shard host met a fault: Error: a was not answered"])
    actor(2).add("y")
    await settle(clock)
    expect(actor(2).answered).toEqual(["x", "y"])
    expect(host.isOpen).toBe(true)
  })

  it("gives an actor that is set aside its events since the last checkpoint, once", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const journal = (instance: string) =>
      memoryJournal({ store, ownership: memoryOwnership(tokens, instance) })
    const { actor, host, clock } = await openHost(journal("1".repeat(32)))
    actor(1).add("a")
    await settle(clock)
    expect(host.checkpoint()?.recordNumber).toBe(1)
    actor(1).add("b")
    actor(2).add("x")
    await settle(clock)
    actor(1).add("c")
    actor(1).aside = true
    await settle(clock)
    expect(host.checkpoint()?.recordNumber).toBe(3)
    expect(actor(1).kept).toEqual(['["b"]', '["c"]'])
    expect(actor(2).kept).toEqual([])
    expect(host.checkpoint()?.recordNumber).toBe(3)
    expect(actor(1).kept).toHaveLength(2)
    const second = await openHost(journal("2".repeat(32)))
    second.actor(1).aside = true
    second.host.checkpoint()
    expect(second.actor(1).kept).toEqual(['["a"]', '["b"]', '["c"]'])
  })

  it("forgets a removed actor durably and drops its chunks", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const journal = (instance: string) =>
      memoryJournal({ store, ownership: memoryOwnership(tokens, instance) })
    const first = await openHost(journal("1".repeat(32)))
    first.actor(1).add("a")
    first.actor(2).add("b")
    await settle(first.clock)
    let gone = false
    const removed = first.host.remove(1, skeinError("QueueNotFound", "deleted")).then(() => {
      gone = true
    })
    expect(gone).toBe(false)
    await settle(first.clock)
    await removed
    expect(gone).toBe(true)
    const second = await openHost(journal("2".repeat(32)))
    expect([...second.host.actors.keys()]).toEqual([2])
    expect(first.host.checkpoint()?.drop).toContain("q1/notes")
  })

  it("lets the actors of a shard take turns, however much one of them has to do", async () => {
    const { actor, clock } = await openHost(memoryJournal())
    const busy = actor(1)
    const other = actor(2)
    busy.noteMs = 5
    for (let at = 0; at < 40; at++) busy.add("x")
    other.add("y")
    for (let round = 0; round < 50 && other.notes.length === 0; round++) {
      clock.advance(0)
      await Promise.resolve()
    }
    expect(busy.notes.length).toBeLessThan(12)
    await settle(clock)
    expect(other.answered).toEqual(["y"])
    expect(busy.answered).toHaveLength(40)
  })

  it("lets the shards of a node take turns, and gives each turn 20 ms at most", async () => {
    const journal = memoryJournal()
    const clock = new ManualClock()
    const commit = new GroupCommit(journal, clock)
    const busy = (await openHost(journal, clock, commit, 1)).actor(1)
    const other = (await openHost(journal, clock, commit, 2)).actor(2)
    busy.noteMs = 5
    for (let at = 0; at < 100; at++) busy.add("x")
    other.add("y")
    const turns: number[] = []
    for (let round = 0; round < 100 && other.notes.length === 0; round++) {
      const before = clock.monotonicMs()
      await Promise.resolve()
      turns.push(clock.monotonicMs() - before)
    }
    expect(busy.notes.length).toBeLessThan(12)
    expect(Math.max(...turns)).toBeLessThanOrEqual(limits.batchWorkMaxMs + busy.noteMs)
    await settle(clock)
    expect(busy.answered).toHaveLength(100)
  })

  it("puts no more into one record than its bound and one command above it", async () => {
    const sizes: number[] = []
    const journal = memoryJournal()
    const commit: Journal["commit"] = (batch) => {
      for (const { records } of batch) {
        for (const { frames } of records) {
          sizes.push(frames.reduce((sum, { bytes }) => sum + bytes.length, 0))
        }
      }
      return journal.commit(batch)
    }
    const { actor, clock } = await openHost({ ...journal, commit })
    const notes = actor(1)
    const mebibyte = "x".repeat(2 ** 20)
    for (let at = 0; at < 14; at++) notes.add(mebibyte)
    await settle(clock)
    expect(notes.answered).toHaveLength(14)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.batchBytesMax + mebibyte.length)
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThanOrEqual(3)
  })

  it("closes on a fault of its own, answers everybody, and hinders no other host", async () => {
    for (const fault of ["work", "seal"] as const) {
      const journal = memoryJournal()
      const { host, actor, clock } = await openHost(journal)
      const notes = actor(1)
      const stored = actor(2)
      stored.add("kept")
      await settle(clock)
      notes.fault = fault
      stored.add("in the same record")
      notes.add("bad")
      await settle(clock)
      expect((await host.closedBecause)._tag).toBe("InternalError")
      expect(stored.answered).toEqual(["kept"])
      expect(stored.failures).toEqual(["ShardUnavailable", "closed ShardUnavailable"])
      expect(stored.outcomes).toEqual(["unknown"])
      const next = await openHost(journal, clock)
      expect(next.actor(2).notes).toEqual(["kept"])
    }
  })

  it("closes alone on a fault that a checkpoint meets, and hears of it no more", async () => {
    const { host, actor, clock } = await openHost(memoryJournal())
    const notes = actor(1)
    notes.add("kept")
    await settle(clock)
    notes.fault = "seal"
    notes.add("bad")
    host.turn(Number.POSITIVE_INFINITY)
    expect(host.checkpoint()).toBeUndefined()
    expect((await host.closedBecause)._tag).toBe("InternalError")
    expect(notes.failures).toEqual(["ShardUnavailable", "closed ShardUnavailable"])
    expect(host.checkpoint()).toBeUndefined()
  })

  it("gives back all it has reserved when it closes with records in each stage", async () => {
    let reserved = 0
    const journal = memoryJournal()
    let answer: () => void = () => {}
    let held: Promise<void> | undefined
    const { host, actor, clock, commit } = await openHost({
      ...journal,
      commit: async (batch) => {
        await held
        return journal.commit(batch)
      },
      reserve: (bytes) => {
        reserved += bytes
        return true
      },
      unreserve: (bytes) => {
        reserved -= bytes
      },
    })
    held = new Promise((resume) => {
      answer = resume
    })
    const notes = actor(1)
    notes.add("in flight")
    await settle(clock)
    notes.add("sealed")
    host.turn(Number.POSITIVE_INFINITY)
    host.checkpoint()
    notes.add("open")
    host.turn(Number.POSITIVE_INFINITY)
    expect(reserved).toBeGreaterThan(0)
    const drained = commit.drain(host)
    host.closed(skeinError("ShardUnavailable", "closed"))
    expect(reserved).toBe(0)
    answer()
    await settle(clock)
    await drained
    expect(reserved).toBe(0)
    expect(notes.failures.slice(0, 3)).toEqual(Array(3).fill("ShardUnavailable"))
    expect(notes.answered).toEqual([])
  })

  it("keeps its journal time over a clean restart with the wall clock set back", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const journal = (instance: string) =>
      memoryJournal({ store, ownership: memoryOwnership(tokens, instance) })
    const first = await openHost(journal("1".repeat(32)))
    first.actor(1).add("a")
    await settle(first.clock)
    const beforeMs = first.clock.wallMs()
    await first.host.opened.close()
    const clock = new ManualClock()
    clock.jumpWall(-3_600_000)
    const times: number[] = []
    const second = journal("2".repeat(32))
    const { actor } = await openHost(
      {
        ...second,
        commit: (batch) => {
          for (const { records } of batch) for (const one of records) times.push(one.journalMs)
          return second.commit(batch)
        },
      },
      clock,
    )
    actor(1).add("b")
    await settle(clock)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(beforeMs)
  })

  it("says that an actor is removed only when that is durable, to all who ask", async () => {
    const { host, actor, clock } = await openHost(memoryJournal())
    actor(1).add("a")
    await settle(clock)
    const log: string[] = []
    const gone = skeinError("QueueNotFound", "deleted")
    const removals = [host.remove(1, gone), host.remove(1, gone)].map((removal) =>
      removal.then(
        () => log.push("removed"),
        () => log.push("unknown"),
      ),
    )
    await Promise.resolve()
    expect(log).toEqual([])
    await settle(clock)
    expect(log).toEqual(["removed", "removed"])
    const late = host.remove(2, gone).catch((error: { _tag: string }) => error._tag)
    host.closed(skeinError("InternalError", "broken"))
    expect(await late).toBe("ShardUnavailable")
    await Promise.all(removals)
    await expect(host.remove(2, gone)).rejects.toBeDefined()
  })

  it("takes in where the former owner's cleaner has put frames while it was followed", async () => {
    const store = new MemoryStore()
    const tokens = new MemoryTokens()
    const journal = (instance: string) =>
      memoryJournal({ store, ownership: memoryOwnership(tokens, instance) })
    const first = await openHost(journal("1".repeat(32)))
    const notes = first.actor(1)
    notes.add("copied on")
    notes.add("stays")
    await settle(first.clock)
    // The target reads along, and takes the old place of the first frame in.
    const there = journal("2".repeat(32))
    const followed = await there.follow(first.host.shard)
    const commit = new GroupCommit(there, first.clock)
    const context = contextOf(there, first.clock, commit, first.faults)
    const { factory } = notesOf(first.clock)
    const host = await ShardHost.follow(followed, factory, context)
    await host.catchUp(followed.catchUp(), factory)
    const moved = host.actors.get(1) as NoteActor
    const oldPlace = notes.places.get(1) as number
    expect(moved.locate(1)).toBe(oldPlace)
    first.host.park()
    const handing = first.host.handOver()
    await settle(first.clock)
    await handing
    const epoch = await first.host.opened.handTo("2".repeat(32))
    const opened = await followed.open(epoch)
    const newPlace = 1_000 + oldPlace
    const copy = { generation: 1, first: 1, location: newPlace, bytes: 9 }
    // A copy of a frame of which no message is left is no frame of anybody.
    const late = { generation: 1, first: 9, location: newPlace + 1, bytes: 9 }
    const placements = [copy, late]
    const taking = host.takeOver(
      { ...opened, checkpoint: { ...opened.checkpoint, placements } },
      factory,
    )
    await settle(first.clock)
    expect(await taking).toBe(true)
    expect([moved.locate(1), moved.locate(2)]).toEqual([newPlace, notes.places.get(2)])
    expect(moved.locate(9)).toBeUndefined()
    expect(host.isServing).toBe(true)
  })
})
