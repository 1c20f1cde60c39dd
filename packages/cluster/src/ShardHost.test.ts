import {
  type Journal,
  ManualClock,
  MemoryStore,
  MemoryTokens,
  memoryJournal,
  memoryOwnership,
} from "@skein/journal"
import { type Sequence, skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { GroupCommit } from "./GroupCommit.js"
import type { ActorDelta, ShardActor, Turn } from "./ShardActor.js"
import { ShardHost } from "./ShardHost.js"

/** Keeps lines of text; each `add` stores the text as a frame, too. */
class NoteActor implements ShardActor {
  readonly notes: string[] = []
  readonly places = new Map<Sequence, number>()
  readonly answered: string[] = []
  readonly failures: string[] = []
  opened = 0
  aside = false
  private readonly mailbox: string[] = []
  private fresh: string[] = []
  private erased = false

  constructor(
    readonly generation: number,
    private readonly wake: (actor: NoteActor) => void,
  ) {}

  add(text: string): void {
    this.mailbox.push(text)
    this.wake(this)
  }

  open(): void {
    this.opened += 1
  }

  work(turn: Turn): boolean {
    for (let text = this.mailbox.shift(); text !== undefined; text = this.mailbox.shift()) {
      const note = text
      if (!turn.reserve(note.length, "publish")) this.failures.push("DiskFull")
      this.notes.push(note)
      this.fresh.push(note)
      const bytes = new TextEncoder().encode(note)
      turn.store({ generation: this.generation, first: this.notes.length, bytes })
      turn.wait({
        release: () => this.answered.push(note),
        fail: (error) => this.failures.push(error._tag),
      })
    }
    return false
  }

  seal(): Uint8Array | undefined {
    if (this.fresh.length === 0) return undefined
    const events = new TextEncoder().encode(JSON.stringify(this.fresh))
    this.fresh = []
    return events
  }

  replay(events: Uint8Array): void {
    this.notes.push(...(JSON.parse(new TextDecoder().decode(events)) as string[]))
  }

  relocate(first: Sequence, location: number): boolean {
    if (first > this.notes.length) return false
    this.places.set(first, location)
    return true
  }

  locate(first: Sequence): number | undefined {
    return this.places.get(first)
  }

  checkpoint(): ActorDelta {
    const key = `q${this.generation}/notes`
    if (this.erased) return { put: [], drop: [key] }
    return { put: [{ key, bytes: new TextEncoder().encode(JSON.stringify(this.notes)) }], drop: [] }
  }

  dueMs = () => Number.POSITIVE_INFINITY
  tick = () => {}
  isAside = () => this.aside
  erase(): void {
    this.erased = true
  }
  close(why: { readonly _tag: string }): void {
    this.failures.push(`closed ${why._tag}`)
  }
}

interface Setup {
  readonly host: ShardHost
  readonly clock: ManualClock
  readonly commit: GroupCommit
  readonly actor: (generation: number) => NoteActor
}

const openHost = async (journal: Journal): Promise<Setup> => {
  const clock = new ManualClock()
  const commit = new GroupCommit(journal, clock)
  const opened = await journal.openShard(7)
  const make = (generation: number, host: ShardHost) =>
    new NoteActor(generation, (actor) => host.wake(actor))
  const opening = ShardHost.open(
    opened,
    {
      generationOf: (key) => Number(key.slice(1, key.indexOf("/"))),
      replaying: make,
      restored: (generation, chunks, host) => {
        const actor = make(generation, host)
        for (const chunk of chunks) actor.replay(chunk.bytes)
        return actor
      },
    },
    {
      journal,
      clock,
      wake: commit.wake,
      commitSoon: commit.commitSoon,
      noticeStall: () => {},
    },
  )
  await settle(clock)
  const host = await opening
  const actor = (generation: number) => {
    const found = host.actors.get(generation)
    if (found instanceof NoteActor) return found
    const made = make(generation, host)
    host.add(made)
    return made
  }
  return { host, clock, commit, actor }
}

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

  it("makes no checkpoint while an actor is set aside", async () => {
    const { actor, host, clock } = await openHost(memoryJournal())
    actor(1).add("a")
    await settle(clock)
    actor(1).aside = true
    expect(host.checkpoint()).toBeUndefined()
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
})
