/**
 * Random traffic while a build cannot apply certain settles: queues are set aside, live and in
 * replay; checkpoints, moves of frames and crashes come at any moment. A build that can apply them
 * brings every queue back with all that was confirmed.
 */
import { emptyQueue } from "@skein/queue"
import type { DeliveredRun, QueueInfo } from "@skein/wire"
import { FastCheck as fc } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { NaiveJournal, NaiveStore } from "./testing/NaiveJournal.js"
import { bodiesOf, Rig, session } from "./testing/Rig.js"

/** The class behind every queue's blocks. */
const blocksClass = Object.getPrototypeOf(emptyQueue(1).blocks) as {
  sweep: (first: number, last: number, next: number) => void
}

/** From now on settles that reach a multiple of `every` fail when they are half applied. */
const breakBuild = (every: number): void => {
  const sweep = blocksClass.sweep
  vi.spyOn(blocksClass, "sweep").mockImplementation(function (
    this: unknown,
    first: number,
    last: number,
    next: number,
  ) {
    if (Math.floor(last / every) > Math.floor((first - 1) / every)) throw new Error("half applied")
    sweep.call(this, first, last, next)
  })
}

const fixBuild = (): void => {
  vi.restoreAllMocks()
}

afterEach(fixBuild)

class Known {
  fetchNumber = 0
  producers = 0
  frameNumber = 0
  readonly sent: string[] = []
  readonly confirmed = new Set<string>()
  readonly acking = new Set<string>()
  readonly acked = new Set<string>()
  held: { readonly run: DeliveredRun; readonly bodies: readonly string[] }[] = []

  constructor(readonly queue: QueueInfo) {}
}

const step = fc.record({
  what: fc.constantFrom(
    "publish" as const,
    "publish" as const,
    "publish" as const,
    "fetch" as const,
    "fetch" as const,
    "ack" as const,
    "ack" as const,
    "checkpoint" as const,
    "checkpoint" as const,
    "move" as const,
    "wait" as const,
    "wait" as const,
    "wait" as const,
    "hold" as const,
    "let" as const,
    "break" as const,
    "fix" as const,
    "crash" as const,
    "restart" as const,
  ),
  queue: fc.nat({ max: 2 }),
  count: fc.integer({ min: 1, max: 4 }),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

class Traffic {
  asideSeen = 0
  private bodies = 0
  private broken = false
  private readonly pending = new Set<Promise<void>>()

  private constructor(
    readonly store: NaiveStore,
    readonly rig: Rig,
    readonly known: readonly Known[],
  ) {}

  static async start(): Promise<Traffic> {
    const store = new NaiveStore()
    const rig = await Rig.open(1, () => new NaiveJournal(store))
    const known: Known[] = []
    for (const name of ["a", "b", "c"]) known.push(new Known(await rig.declare(name)))
    return new Traffic(store, rig, known)
  }

  async run({ what, queue, count }: Step): Promise<void> {
    const known = this.known[queue]
    const { journal } = this.rig
    if (what === "publish") return this.publish(known, count)
    if (what === "fetch") return this.fetch(known, count)
    if (what === "ack") return this.ack(known)
    if (what === "checkpoint") return new NaiveJournal(this.store).checkpoint(0)
    if (what === "move") return new NaiveJournal(this.store).move(0)
    if (what === "wait") return this.rig.settled()
    if (what === "hold") return journal.hold()
    if (what === "let") return journal.let()
    if (what === "break") return this.break(count + 2)
    if (what === "fix") return this.fix()
    if (what === "restart") return this.restart()
    return this.crash()
  }

  private break(every: number): void {
    if (!this.broken) breakBuild(every)
    this.broken = true
  }

  /** A later build takes over. */
  private async fix(): Promise<void> {
    if (this.broken) fixBuild()
    this.broken = false
    await this.crash()
  }

  private track(call: Promise<unknown>): void {
    const end = (): void => void this.pending.delete(tracked)
    const tracked: Promise<void> = call.then(end, end)
    this.pending.add(tracked)
  }

  private publish(known: Known, count: number): void {
    const bodies = Array.from({ length: count }, () => `m${++this.bodies}`)
    known.sent.push(...bodies)
    known.frameNumber += 1
    const producer = known.producers.toString(16).padStart(32, "0")
    const call = this.rig.publishAs(known.queue, producer, known.frameNumber, bodies)
    this.track(
      call.then(() => {
        for (const body of bodies) known.confirmed.add(body)
      }),
    )
  }

  private fetch(known: Known, messagesMax: number): void {
    known.fetchNumber += 1
    const { fetchNumber } = known
    const call = this.rig.fetch(known.queue, { fetchNumber, messagesMax, waitMs: 30 })
    this.track(
      call.delivered.then((runs) => {
        for (const run of runs) known.held.push({ run, bodies: bodiesOf([run]) })
      }),
    )
    this.track(call.settled)
  }

  private ack(known: Known): void {
    const held = known.held.shift()
    if (held === undefined) return
    const { epoch, attempt, first, last } = held.run
    for (const body of held.bodies) known.acking.add(body)
    const settles = [{ outcome: "ack" as const, epoch, attempt, ranges: [first, last] }]
    const call = this.rig.core.broker.settle({ queue: known.queue, session, settles })
    this.track(
      call.then((lost) => {
        if (lost.length === 0) for (const body of held.bodies) known.acked.add(body)
      }),
    )
  }

  private async restart(): Promise<void> {
    this.rig.journal.let()
    await this.rig.settled()
    await this.rig.core.closeShard(0)
    await this.crash()
  }

  private async crash(): Promise<void> {
    this.asideSeen += (await this.rig.core.admin.status()).tree.length
    for (const times of this.rig.journal.released.values()) expect(times).toBe(1)
    await this.rig.crash()
    this.pending.clear()
    for (const known of this.known) {
      known.producers += 1
      known.frameNumber = 0
      known.fetchNumber = 0
      known.held = []
    }
  }

  /** With the mended build: everything confirmed and not acked comes, once, in order. */
  async end(): Promise<void> {
    this.rig.journal.let()
    await this.rig.settled()
    new NaiveJournal(this.store).checkpoint(0)
    await this.fix()
    for (const known of this.known) {
      const { state } = await this.rig.core.admin.show(known.queue.name)
      expect(state).toBe("serving")
      const got: string[] = []
      for (let round = 0; round < 200; round++) {
        known.fetchNumber += 1
        const runs = await this.rig.fetch(known.queue, { fetchNumber: known.fetchNumber }).delivered
        if (runs.length === 0) break
        got.push(...bodiesOf(runs))
      }
      const sent = new Map(known.sent.map((body, at) => [body, at]))
      const places = got.map((body) => sent.get(body) ?? -1)
      expect(places.every((place, at) => place > (places[at - 1] ?? -1))).toBe(true)
      const there = new Set(got)
      for (const body of known.confirmed) {
        if (!known.acking.has(body)) expect(there.has(body), `${body} is lost`).toBe(true)
      }
      for (const body of known.acked) expect(there.has(body), `${body} came back`).toBe(false)
    }
    // What was kept is dropped with the next checkpoint.
    new NaiveJournal(this.store).checkpoint(0)
    await this.rig.core.closeShard(0)
    const keys = [...this.store.of(0).chunks.keys()]
    expect(keys.filter((key) => /\/[af]/.test(key))).toEqual([])
    expect(this.store.of(0).records).toEqual([])
  }
}

describe("a queue that is set aside", () => {
  it("loses nothing over checkpoints, moves and crashes, and comes back", async () => {
    let aside = 0
    await fc.assert(
      fc
        .asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
          const traffic = await Traffic.start()
          for (const one of steps) await traffic.run(one)
          await traffic.end()
          aside += traffic.asideSeen
        })
        .afterEach(fixBuild),
      { numRuns: 400 },
    )
    // The property says something only if queues were set aside.
    expect(aside).toBeGreaterThan(50)
  }, 60_000)

  it("can be deleted: nothing that was kept of it stays, nor comes back", async () => {
    const store = new NaiveStore()
    const rig = await Rig.open(1, () => new NaiveJournal(store))
    const queue = await rig.declare("bad")
    await rig.publish(queue, "a")
    new NaiveJournal(store).checkpoint(0)
    await rig.publish(queue, "b")
    breakBuild(2)
    const runs = await rig.fetch(queue, { fetchNumber: 1 }).delivered
    const { epoch, attempt } = runs[0]
    const settles = [{ outcome: "ack" as const, epoch, attempt, ranges: [1, 2] }]
    const tag = await rig.core.broker.settle({ queue, session, settles }).catch(({ _tag }) => _tag)
    expect(tag).toBe("Quarantined")
    await rig.core.closeShard(0)
    const kept = [...store.of(0).chunks.keys()].filter((key) => key.startsWith("q1/"))
    expect(kept).toEqual(expect.arrayContaining(["q1/h", "q1/a0", "q1/f0"]))
    expect(store.of(0).records).toEqual([])
    await rig.crash()
    expect(await rig.core.admin.delete("bad")).toBe(true)
    await rig.core.closeShard(0)
    expect([...store.of(0).chunks.keys()].filter((key) => key.startsWith("q1/"))).toEqual([])
    fixBuild()
    await rig.crash()
    expect(rig.core.digests(0).size).toBe(0)
  })
})
