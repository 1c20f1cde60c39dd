/**
 * A backup is read page by page while traffic, checkpoints, the cleaner and deletions go on: what
 * it holds in the end is the shard as it was when the backup began, to the last byte.
 */
import {
  countFrames,
  digest,
  emptyQueue,
  framesFrom,
  generationOfKey,
  type QueueState,
  restoreQueue,
  type StateChunk,
} from "@skein/queue"
import { type DeliveredRun, FrameWriter, type QueueInfo, type ShardBackup } from "@skein/wire"
import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import { NaiveJournal, NaiveStore } from "./testing/NaiveJournal.js"
import { Rig, session } from "./testing/Rig.js"

const names = ["a", "b", "c"]
/** Three frames fill a page. */
const bodyBytes = 350_000
const allFrames = { framesMax: 10_000, bytesMax: Number.POSITIVE_INFINITY }

const step = fc.record({
  what: fc.constantFrom(
    "publish" as const,
    "publish" as const,
    "publish" as const,
    "ack" as const,
    "ack" as const,
    "fail" as const,
    "purge" as const,
    "checkpoint" as const,
    "move" as const,
    "hold" as const,
    "let" as const,
    "wait" as const,
    "page" as const,
    "page" as const,
    "again" as const,
  ),
  queue: fc.nat({ max: names.length - 1 }),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** What was sent, by `generation/first`, once it was confirmed. */
type Sent = Map<string, Uint8Array>

const frameOf = (number: number): Uint8Array => {
  const body = new Uint8Array(5 + bodyBytes)
  const view = new DataView(body.buffer)
  view.setUint8(0, 0xc6)
  view.setUint32(1, bodyBytes)
  view.setUint32(5, number)
  const writer = new FrameWriter()
  writer.append({ body })
  return writer.finish()
}

class Backup {
  readonly chunks: StateChunk[] = []
  readonly frames = new Map<string, Uint8Array>()
  page = 0
  isDone = false

  constructor(
    readonly head: ShardBackup,
    readonly digests: ReadonlyMap<number, string>,
  ) {}
}

class World {
  readonly store = new NaiveStore()
  readonly sent: Sent = new Map()
  readonly queues: QueueInfo[] = []
  private readonly journal = new NaiveJournal(this.store)
  private published = 0
  private readonly frameNumbers = new Map<string, number>()
  private fetchNumber = 0
  private readonly pending: Promise<unknown>[] = []

  private constructor(readonly rig: Rig) {}

  static async start(): Promise<World> {
    const store = new NaiveStore()
    const world = new World(await Rig.open(1, () => new NaiveJournal(store)))
    Object.assign(world, { store, journal: new NaiveJournal(store) })
    for (const name of names) world.queues.push(await world.rig.declare(name))
    return world
  }

  async run({ what, queue }: Step, backup: Backup | undefined): Promise<void> {
    const info = this.queues[queue]
    if (what === "publish") this.publish(info)
    else if (what === "ack" || what === "fail") await this.settle(info, what)
    else if (what === "purge") this.later(this.rig.core.admin.purge(info.name))
    else if (what === "checkpoint") this.journal.checkpoint(0)
    else if (what === "move") this.journal.move(0)
    else if (what === "hold") this.rig.journal.hold()
    else if (what === "let") this.rig.journal.let()
    else if (what === "wait") await this.rig.settled()
    else if (backup !== undefined) await this.read(backup, what === "again")
  }

  /** The promise stands until the cut is durable; the digests are those of the cut. */
  begin(): { readonly begun: Promise<ShardBackup>; readonly digests: ReadonlyMap<number, string> } {
    const begun = this.rig.core.admin.beginBackup(0)
    const digests = new Map(this.rig.core.digests(0))
    // One whose first use has not been decided yet is no queue.
    for (const [generation, found] of digests) {
      if (found === digest(emptyQueue(generation))) digests.delete(generation)
    }
    return { begun, digests }
  }

  async read(backup: Backup, again: boolean): Promise<void> {
    if (backup.isDone) return
    const page = again && backup.page > 0 ? backup.page : backup.page + 1
    const { cut } = backup.head
    const { chunks, frames, last } = await this.rig.core.admin.readBackup({ shard: 0, cut, page })
    if (page === backup.page) return
    backup.page = page
    backup.chunks.push(...chunks)
    for (const { generation, first, bytes } of frames) {
      const key = `${generation}/${first}`
      expect(backup.frames.has(key), `${key} came twice`).toBe(false)
      backup.frames.set(key, bytes)
    }
    backup.isDone = last
  }

  async quiet(): Promise<void> {
    this.rig.journal.let()
    await this.rig.settled()
    await Promise.all(this.pending)
  }

  later(call: Promise<unknown>): void {
    this.pending.push(call.catch(() => {}))
  }

  private publish(info: QueueInfo): void {
    const frame = frameOf(++this.published)
    const frameNumber = (this.frameNumbers.get(info.name) ?? 0) + 1
    this.frameNumbers.set(info.name, frameNumber)
    const producer = "a".repeat(32)
    const call = this.rig.core.broker.publish({ queue: info, producer, frameNumber, frame })
    // The bytes of before: nobody may change them on the way.
    const copy = frame.slice()
    this.later(call.then(({ first }) => this.sent.set(`${info.generation}/${first}`, copy)))
  }

  private async settle(queue: QueueInfo, outcome: "ack" | "fail"): Promise<void> {
    this.fetchNumber += 1
    const { fetchNumber } = this
    const call = this.rig.fetch(queue, { fetchNumber, messagesMax: 2, bytesMax: 4_000_000 })
    const settle = async (runs: readonly DeliveredRun[]): Promise<void> => {
      for (const { epoch, attempt, first, last } of runs) {
        const settles = [{ outcome, epoch, attempt, ranges: [first, last] }]
        await this.rig.core.broker.settle({ queue, session, settles })
      }
    }
    this.later(call.delivered.then(settle))
    await this.rig.settled()
  }
}

/** The shard at the cut, and nothing else. */
const check = ({ chunks, frames, head, digests }: Backup, sent: Sent): void => {
  const byQueue = new Map<number, StateChunk[]>()
  for (const chunk of chunks) {
    const generation = generationOfKey(chunk.key)
    if (generation !== undefined) {
      byQueue.set(generation, [...(byQueue.get(generation) ?? []), chunk])
    }
  }
  const states = new Map<number, QueueState>()
  for (const [generation, list] of byQueue) states.set(generation, restoreQueue(list))
  const found = new Map([...states].map(([generation, state]) => [generation, digest(state)]))
  expect(found).toEqual(digests)
  const living = [...states].flatMap(([generation, state]) => {
    const list = framesFrom(state, 1, Number.POSITIVE_INFINITY, allFrames)
    expect(list).toHaveLength(countFrames(state).frames)
    return list.map(({ first }) => `${generation}/${first}`)
  })
  expect([...frames.keys()].sort()).toEqual(living.sort())
  expect(head.frames).toBe(living.length)
  for (const [key, bytes] of frames) {
    const original = sent.get(key)
    expect(original !== undefined && Buffer.compare(bytes, original) === 0, key).toBe(true)
  }
}

const steps = fc.array(step, { minLength: 3, maxLength: 60 })

it("C7: a backup of a random history is the shard at its beginning, whatever goes on", async () => {
  await fc.assert(
    fc.asyncProperty(steps, steps, async (before, after) => {
      const world = await World.start()
      for (const one of before) await world.run(one, undefined)
      const { begun, digests } = world.begin()
      world.rig.journal.let()
      await world.rig.settled()
      const backup = new Backup(await begun, digests)
      for (const one of after) await world.run(one, backup)
      world.rig.journal.let()
      while (!backup.isDone) await world.read(backup, false)
      await world.quiet()
      check(backup, world.sent)
      expect(world.rig.faults).toEqual([])
    }),
    { numRuns: 200 },
  )
}, 60_000)

it("C7: a queue that is deleted while the backup is read is in it all the same", async () => {
  const world = await World.start()
  for (let at = 0; at < 8; at++) await world.run({ what: "publish", queue: 0 }, undefined)
  await world.quiet()
  const { begun, digests } = world.begin()
  await world.rig.settled()
  const backup = new Backup(await begun, digests)
  await world.read(backup, false)
  await world.rig.core.admin.delete("a")
  await world.run({ what: "checkpoint", queue: 0 }, backup)
  await world.run({ what: "publish", queue: 1 }, backup)
  await world.quiet()
  while (!backup.isDone) await world.read(backup, false)
  check(backup, world.sent)
})

it("C7: what only the backup needs goes along when the cleaner moves it", async () => {
  const world = await World.start()
  const act = (what: Step["what"]) => world.run({ what, queue: 0 }, undefined)
  for (let at = 0; at < 8; at++) await act("publish")
  await world.quiet()
  const { begun, digests } = world.begin()
  await world.rig.settled()
  const backup = new Backup(await begun, digests)
  await world.read(backup, false)
  await act("ack")
  await act("move")
  // What lay at the old places is gone once a later commit has published the checkpoint.
  await act("checkpoint")
  await act("publish")
  await act("publish")
  await world.quiet()
  while (!backup.isDone) await world.read(backup, false)
  check(backup, world.sent)
})

it("C7: a backup begins when all that it holds is durable", async () => {
  const world = await World.start()
  await world.run({ what: "publish", queue: 0 }, undefined)
  await world.quiet()
  world.rig.journal.hold()
  await world.run({ what: "publish", queue: 0 }, undefined)
  await world.rig.settled()
  const { begun, digests } = world.begin()
  let head: ShardBackup | undefined
  void begun.then((found) => {
    head = found
  })
  await world.rig.settled()
  expect(head).toBeUndefined()
  world.rig.journal.let()
  const backup = new Backup(await begun, digests)
  expect(backup.head.frames).toBe(2)
  while (!backup.isDone) await world.read(backup, false)
  await world.quiet()
  check(backup, world.sent)
})
