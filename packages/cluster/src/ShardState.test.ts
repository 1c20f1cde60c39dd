import { ManualClock, type OpenedShard, type ReplayedRecord } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { HostClock } from "./HostClock.js"
import type { ActorFactory } from "./HostContext.js"
import { ShardMeter } from "./load/ShardMeter.js"
import { encodeSections } from "./RecordSections.js"
import type { ShardHost } from "./ShardHost.js"
import { ShardState } from "./ShardState.js"
import { NoteActor } from "./testing/NoteActor.js"

const json = (notes: readonly string[]) => new TextEncoder().encode(JSON.stringify(notes))

const factory: ActorFactory = {
  generationOf: (key) => Number(key.slice(1, key.indexOf("/"))),
  replaying: (generation) => new NoteActor(generation),
  restored: (generation, chunks) => {
    const actor = new NoteActor(generation)
    for (const { bytes } of chunks) actor.replay(bytes)
    return actor
  },
}

const host = {} as ShardHost

const record = (
  recordNumber: number,
  sections: Parameters<typeof encodeSections>[0],
  frames: ReplayedRecord["frames"] = [],
): ReplayedRecord => ({
  recordNumber,
  epoch: 1,
  journalMs: recordNumber * 1_000,
  events: encodeSections(sections),
  frames,
})

const notesOf = (generation: number, ...notes: string[]) => ({
  generation,
  deleted: false,
  events: json(notes),
})

const noEvents = new Uint8Array(0)

const setUp = () => {
  const meter = new ShardMeter()
  const state = new ShardState(new ManualClock(), meter)
  const replay = (one: ReplayedRecord) => state.replay(one, factory, host)
  const actor = (generation: number) => state.actors.get(generation) as NoteActor
  const released: number[] = []
  const opened = {
    release: (location: number) => void released.push(location),
  } as Partial<OpenedShard> as OpenedShard
  return { state, meter, replay, actor, released, opened }
}

async function* chunksOf(...chunks: readonly { key: string; bytes: Uint8Array }[]) {
  yield* chunks
}

describe("ShardState", () => {
  it("goes on from a checkpoint: each actor from its chunks, and the time", async () => {
    const { state, actor, replay } = setUp()
    const clock = new HostClock(new ManualClock())
    clock.reached(9e12)
    const chunks = chunksOf(
      { key: "q1/a", bytes: json(["a"]) },
      clock.chunk(),
      { key: "q2/a", bytes: json(["x"]) },
      { key: "q1/b", bytes: json(["b"]) },
    )
    const placements = [
      { generation: 1, first: 2, location: 70, bytes: 1 },
      { generation: 3, first: 1, location: 71, bytes: 1 },
    ]
    await state.restore({ recordNumber: 5, chunks, placements }, factory, host)
    expect(actor(1).notes).toEqual(["a", "b"])
    expect([actor(1).locate(2), actor(2).notes]).toEqual([70, ["x"]])
    expect(state.clock.now().journalMs).toBe(9e12)
    replay(record(6, [notesOf(2, "y")]))
    expect(actor(2).notes).toEqual(["x", "y"])
    expect(() => replay(record(8, []))).toThrow("without a gap")
  })

  it("makes actors by their first events, and forgets those that are deleted", () => {
    const { state, meter, replay, actor } = setUp()
    replay(record(1, [notesOf(1, "a"), notesOf(2, "x")]))
    const first = actor(1)
    meter.depth += first.depthChange()
    expect(meter.depth).toBe(1)
    replay(record(2, [{ generation: 1, deleted: true, events: noEvents }]))
    replay(record(3, [{ generation: 9, deleted: true, events: noEvents }]))
    expect([...state.actors.keys()]).toEqual([2])
    expect(meter.depth).toBe(0)
    expect(state.changes().drop).toEqual(["q1/notes"])
    // Dropped once.
    expect(state.changes().drop).toEqual([])
  })

  it("gives back frames that nobody needs: at once, or when a followed shard is open", () => {
    const { state, replay, actor, released, opened } = setUp()
    const frames = [
      { generation: 1, first: 1, location: 40, bytes: 1 },
      { generation: 1, first: 2, location: 41, bytes: 1 },
    ]
    replay(record(1, [notesOf(1, "a")], frames))
    expect([actor(1).locate(1), released]).toEqual([40, []])
    state.serve(opened)
    expect(released).toEqual([41])
    state.place({ generation: 7, first: 1 }, 42, 1)
    expect(released).toEqual([41, 42])
    state.serve(opened)
    expect(released).toEqual([41, 42])
  })

  it("says how many records a checkpoint shows, and which places it knows", () => {
    const { state, replay, opened } = setUp()
    replay(record(1, [notesOf(1, "a")]))
    state.serve(opened)
    state.record([notesOf(1, "b")])
    const { recordNumber, placedUpTo, put } = state.changes()
    expect([recordNumber, placedUpTo, put.map(({ key }) => key)]).toEqual([
      2,
      1,
      ["clock", "q1/notes"],
    ])
  })

  it("gives an actor that is aside the events that were replayed and those since", () => {
    const { state, replay, actor } = setUp()
    replay(record(1, [notesOf(1, "a")]))
    state.record([notesOf(1, "b")])
    actor(1).aside = true
    state.changes()
    expect(actor(1).kept).toEqual(['["a"]', '["b"]'])
  })
})
