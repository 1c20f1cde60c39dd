import { type FrameKey, ManualClock, type OpenedShard } from "@skein/journal"
import { limits, type Sequence, skeinError } from "@skein/model"
import { expect, it } from "vitest"
import type { ActorFrame, ShardActor, WholeActor } from "../ShardActor.js"
import { ShardCut } from "./ShardCut.js"

/** An actor whose frames of one byte lie at ten times their number, until they die. */
class Frames {
  readonly living = new Map<Sequence, number>()
  aside = false

  constructor(
    readonly generation: number,
    frames: number,
    private readonly bytes = 1,
  ) {
    for (let first = 1; first <= frames; first++) this.living.set(first, first * 10)
  }

  whole(): WholeActor | undefined {
    if (this.aside) return undefined
    const frames = this.living.size
    const chunks = [{ key: `q${this.generation}/h`, bytes: new Uint8Array(3) }]
    return { chunks, below: frames + 1, frames, frameBytes: frames * this.bytes }
  }

  framesFrom(from: Sequence, below: Sequence): readonly ActorFrame[] {
    const found = [...this.living.keys()].filter((first) => first >= from && first < below)
    return found.slice(0, 4096).map((first) => ({ first, bytes: this.bytes }))
  }

  isAside = (): boolean => this.aside
}

const setup = (...actors: readonly Frames[]) => {
  const clock = new ManualClock()
  const released: number[] = []
  const readAt: number[] = []
  const damaged = new Set<number>()
  const byGeneration = new Map(actors.map((actor) => [actor.generation, actor]))
  const opened: Partial<OpenedShard> = {
    epoch: 3,
    read: async ({ first }, location) => {
      readAt.push(location)
      if (damaged.has(first)) throw skeinError("ShardCorrupt", "the frame is damaged")
      return Uint8Array.of(first)
    },
  }
  const at = { id: "3.1", recordNumber: 9, journalMs: 77 }
  const clockChunk = { key: "clock", bytes: new Uint8Array(8) }
  const host = {
    shard: 5,
    opened: opened as OpenedShard,
    // What of an actor a cut asks for.
    actors: byGeneration as unknown as ReadonlyMap<number, ShardActor>,
    locate: (key: FrameKey): number | undefined =>
      cut.locate(key) ?? byGeneration.get(key.generation)?.living.get(key.first),
    release: (location: number) => void released.push(location),
  }
  const cut: ShardCut = new ShardCut(host, clock, at, clockChunk)
  /** The frame's last message is settled. */
  const die = (actor: Frames, first: number): void => {
    const location = actor.living.get(first) ?? 0
    actor.living.delete(first)
    if (!cut.holds({ generation: actor.generation, first }, location, 1)) released.push(location)
  }
  const tagOf = (page: number) =>
    cut.page(page).then(
      () => "page",
      (error: { readonly _tag: string }) => error._tag,
    )
  return { clock, cut, die, damaged, readAt, released, tagOf }
}

it("says what is in it, and gives chunks, then frames, then the end", async () => {
  const { cut } = setup(new Frames(2, 2), new Frames(1, 1))
  expect(cut.head).toEqual({
    ...{ id: "3.1", epoch: 3, recordNumber: 9, journalMs: 77 },
    ...{ chunks: 3, chunkBytes: 14, frames: 3, frameBytes: 3, aside: [] },
  })
  const first = await cut.page(1)
  expect(first.chunks.map(({ key }) => key)).toEqual(["clock", "q1/h", "q2/h"])
  const frames = [await cut.page(2), await cut.page(3)].flatMap((page) => page.frames)
  expect(frames.map(({ generation, first: at }) => [generation, at])).toEqual([
    [1, 1],
    [2, 1],
    [2, 2],
  ])
  expect(await cut.page(4)).toEqual({ chunks: [], frames: [], last: true })
})

it("the newest page comes again as it was; any other is refused", async () => {
  const { cut, readAt, tagOf } = setup(new Frames(1, 2))
  await cut.page(1)
  const page = await cut.page(2)
  expect(await cut.page(2)).toBe(page)
  expect(readAt).toEqual([10, 20])
  expect(await tagOf(1)).toBe("BackupEnded")
  expect(await tagOf(4)).toBe("BackupEnded")
  expect((await cut.page(3)).last).toBe(true)
})

it("a frame that dies is held until it was read, and read where the cleaner put it", async () => {
  const actor = new Frames(1, 3)
  const { cut, die, readAt, released } = setup(actor)
  die(actor, 1)
  expect(released).toEqual([])
  expect(cut.relocate({ generation: 1, first: 1 }, 555)).toBe(true)
  expect(cut.relocate({ generation: 1, first: 2 }, 1)).toBe(false)
  await cut.page(1)
  expect((await cut.page(2)).frames.map(({ first }) => first)).toEqual([1, 2, 3])
  expect(readAt).toEqual([555, 20, 30])
  expect(released).toEqual([555])
  // What was read already is nobody's any more, and what came later never was the cut's.
  die(actor, 2)
  expect(cut.holds({ generation: 1, first: 4 }, 40, 1)).toBe(false)
  expect(cut.holds({ generation: 9, first: 1 }, 40, 1)).toBe(false)
  expect(released).toEqual([555, 20])
})

it("ends when nobody reads, and gives back what it held", async () => {
  const actor = new Frames(1, 3)
  const { clock, cut, die, released, tagOf } = setup(actor)
  clock.advance(limits.backupIdleMs - 1)
  await cut.page(1)
  die(actor, 2)
  clock.advance(limits.backupIdleMs - 1)
  expect(released).toEqual([])
  clock.advance(1)
  expect(released).toEqual([20])
  expect(await tagOf(2)).toBe("BackupEnded")
  expect(clock.timers).toBe(0)
})

it("ends when consumers are much faster than the reader", async () => {
  const actor = new Frames(1, limits.backupHeldFramesMax + 1)
  const { cut, die, released, tagOf } = setup(actor)
  for (let first = 1; first <= limits.backupHeldFramesMax; first++) die(actor, first)
  expect(released).toEqual([])
  expect(await cut.page(1)).toMatchObject({ last: false })
  die(actor, limits.backupHeldFramesMax + 1)
  expect(released).toHaveLength(limits.backupHeldFramesMax + 1)
  expect(await tagOf(2)).toBe("BackupEnded")
})

it("a damaged frame ends it with the damage", async () => {
  const { cut, damaged, tagOf } = setup(new Frames(1, 2))
  damaged.add(2)
  await cut.page(1)
  expect(await tagOf(2)).toBe("ShardCorrupt")
  expect(await tagOf(3)).toBe("BackupEnded")
})

it("leaves out what is aside, and ends when that happens while it is read", async () => {
  const aside = new Frames(1, 2)
  aside.aside = true
  const well = new Frames(2, 2)
  const { cut, tagOf } = setup(aside, well)
  expect(cut.head).toMatchObject({ aside: [1], frames: 2, chunks: 2 })
  await cut.page(1)
  well.aside = true
  expect(await tagOf(2)).toBe("BackupEnded")
})

it("large frames come one by one", async () => {
  const { cut } = setup(new Frames(1, 3, limits.backupPageBytes))
  await cut.page(1)
  for (const first of [1, 2, 3]) {
    expect((await cut.page(first + 1)).frames.map((frame) => frame.first)).toEqual([first])
  }
  expect((await cut.page(5)).last).toBe(true)
})
