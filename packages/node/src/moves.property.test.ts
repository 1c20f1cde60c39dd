/**
 * A producer and a consumer that follow a shard through random moves, lost and doubled calls, and
 * takeovers at any moment of a move: nothing confirmed is lost, nothing comes twice without its
 * flag, each producer's order stays. Without takeovers nothing is flagged or counted failed at all.
 */
import { describe, expect, it } from "@effect/vitest"
import { SeededRandom } from "@skein/journal"
import type { NodeName, SkeinError } from "@skein/model"
import type { DeliveredRun, QueueInfo } from "@skein/wire"
import { Effect, TestClock } from "effect"
import { bodiesOf, frameOf, producer, session } from "./testing/Rig.js"
import { type NodeOfFabric, SharedFabric } from "./testing/SharedFabric.js"

const shard = 1
const steps = 40
const other = (node: NodeName): NodeName => (node === "n1" ? "n2" : "n1")

const turn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

class Run {
  readonly fabric = new SharedFabric(2)
  readonly nodes = new Map<NodeName, NodeOfFabric>()
  readonly random: SeededRandom
  readonly confirmed: string[] = []
  /** In the order in which they came. */
  readonly delivered: { readonly body: string; readonly flagged: boolean }[] = []
  readonly acked = new Set<string>()
  readonly odd: string[] = []
  moved = 0
  refused = 0
  /** First message of each answer to a fetch that was asked once, by its number. */
  private readonly atOnce = new Map<number, number>()
  /** One fetch at a time; of two the one whose frames are read sooner is answered first. */
  private readonly ordered: boolean
  private queue!: QueueInfo
  private frames = 0
  private fetches = 0
  private publishing = true
  private consuming = true
  private readonly loops: Promise<void>[] = []

  constructor(
    readonly seed: number,
    readonly takeovers: boolean,
  ) {
    this.random = new SeededRandom(seed)
    this.ordered = seed % 2 === 1
  }

  get start() {
    return Effect.gen(this, function* () {
      for (const name of ["n1", "n2"]) this.nodes.set(name, yield* this.fabric.start(name))
      const n1 = this.node("n1")
      this.node("n2").core.reachOthers(n1.core.forOthers)
      n1.core.reachOthers(this.node("n2").core.forOthers)
      this.fabric.give("n1", "n1")
      yield* this.until(() => n1.core.isShardOpen(0) && n1.core.isShardOpen(shard))
      for (let at = 0; this.queue?.shard !== shard; at++) {
        this.queue = yield* Effect.promise(() => n1.core.admin.declare(`q${at}`))
      }
      for (const { core } of this.nodes.values()) {
        yield* Effect.promise(() => core.broker.openSession(session, 600_000))
      }
      this.loops.push(this.produce(), this.consume())
      if (!this.ordered) this.loops.push(this.consume())
    })
  }

  get step() {
    return Effect.gen(this, function* () {
      const dice = this.random.below(10)
      const owner = this.fabric.owners[shard] ?? "n1"
      if (dice < 5) yield* this.move(other(owner))
      else if (dice === 5) this.fabric.say = () => this.random.below(4)
      else if (dice === 6) this.fabric.say = () => 1
      else if (dice === 7) this.node(owner).journal.hold()
      else if (dice === 8) for (const { journal } of this.nodes.values()) journal.let()
      else if (this.takeovers) yield* this.takeOver(owner)
      yield* this.pass(this.random.below(12))
    })
  }

  get check() {
    return Effect.gen(this, function* () {
      this.fabric.say = () => 1
      for (const { journal } of this.nodes.values()) journal.let()
      for (const node of this.nodes.keys()) this.fabric.silence(node, false)
      this.publishing = false
      yield* this.until(() => this.confirmed.every((body) => this.acked.has(body)))
      this.consuming = false
      yield* this.ended(Promise.all(this.loops))
      expect(this.odd, this.where).toEqual([])
      // The first coming of each body is in the order of its frames.
      const firsts = [...new Set(this.delivered.map(({ body }) => body))].map(Number)
      const unflagged = this.delivered.filter(({ flagged }) => !flagged).map(({ body }) => body)
      expect(new Set(unflagged).size, this.where).toBe(unflagged.length)
      if (this.takeovers) return
      // However they came, fetches were served in the order of their numbers.
      const served = [...this.atOnce].sort(([a], [b]) => a - b).map(([, body]) => body)
      expect(served, this.where).toEqual([...served].sort((a, b) => a - b))
      if (this.ordered) expect(firsts, this.where).toEqual([...firsts].sort((a, b) => a - b))
      expect(unflagged.length, this.where).toBe(this.delivered.length)
    })
  }

  private get where(): string {
    return `seed ${this.seed}: ${this.fabric.moves.join("; ")}; ${this.fabric.faults.join("; ")}`
  }

  /** One move; at times something happens in its middle. */
  private move(to: NodeName) {
    return Effect.gen(this, function* () {
      const ends: string[] = []
      void this.fabric.move(shard, to).then((outcome) => ends.push(outcome))
      if (this.random.below(3) === 0) yield* this.pass(this.random.below(8))
      if (this.takeovers && this.random.below(4) === 0) yield* this.takeOver(other(to))
      for (const { journal } of this.nodes.values()) journal.let()
      yield* this.until(() => ends.length > 0)
      if (ends[0] === "done") this.moved += 1
      else this.refused += 1
    })
  }

  /** The owner stands still, another takes its shards; later it wakes up. */
  private takeOver(from: NodeName) {
    return Effect.gen(this, function* () {
      const to = other(from)
      this.fabric.silence(from)
      this.fabric.give("n1", to)
      yield* this.pass(this.random.below(20))
      this.fabric.silence(from, false)
    })
  }

  private async produce(): Promise<void> {
    let at: NodeName = "n1"
    while (this.publishing) {
      this.frames += 1
      const body = String(this.frames)
      const { queue, frames: frameNumber } = this
      const request = { queue, producer, frameNumber, frame: frameOf([body]) }
      at = await this.until1(at, (node) => node.core.broker.publish(request))
      this.confirmed.push(body)
      await this.timePasses(10)
    }
  }

  private async consume(): Promise<void> {
    let at: NodeName = "n1"
    while (this.consuming) {
      this.fetches += 1
      const { queue, fetches: fetchNumber } = this
      const much = { messagesMax: 3, bytesMax: 1e6, waitMs: 100, settles: [] }
      let runs: readonly DeliveredRun[] = []
      let asked = 0
      at = await this.until1(at, async ({ core }) => {
        asked += 1
        await core.broker.openSession(session, 600_000)
        runs = await core.broker.fetch({ queue, session, fetchNumber, ...much }).delivered
      })
      const [first] = bodiesOf(runs)
      if (asked === 1 && first !== undefined) this.atOnce.set(fetchNumber, Number(first))
      for (const run of runs) for (const body of bodiesOf([run])) this.note(body, run.redelivered)
      // Some are held for a while: moves go on meanwhile.
      await this.timePasses(this.random.below(3) * 40)
      for (const run of runs) at = await this.ack(at, run)
    }
  }

  private note(body: string, flagged: boolean): void {
    this.delivered.push({ body, flagged })
    if (this.acked.has(body) && !flagged) this.odd.push(`${body} came after its ack`)
  }

  private async ack(at: NodeName, run: DeliveredRun): Promise<NodeName> {
    const { attempt, epoch, first, last } = run
    const settles = [{ outcome: "ack" as const, attempt, epoch, ranges: [first, last] }]
    const now = await this.until1(at, async ({ core }) => {
      const lost = await core.broker.settle({ queue: this.queue, session, settles })
      if (lost.length > 0 && !this.takeovers) this.odd.push(`${first} was lost`)
      if (lost.length === 0) for (const body of bodiesOf([run])) this.acked.add(body)
    })
    return now
  }

  /** Asks until it is answered, where the last answer pointed; where that was. */
  private async until1(
    at: NodeName,
    call: (node: NodeOfFabric) => Promise<unknown>,
  ): Promise<NodeName> {
    for (let node = at; ; ) {
      try {
        await call(this.node(node))
        return node
      } catch (cause) {
        const { _tag, data, retryable } = cause as SkeinError
        if (!retryable && _tag !== "SessionUnknown") this.odd.push(String(cause))
        node = typeof data.node === "string" ? data.node : other(node)
        await this.timePasses(20)
      }
    }
  }

  private timePasses(ms: number): Promise<void> {
    return new Promise((resolve) => this.fabric.clock.setTimer(ms, () => resolve()))
  }

  private node(name: NodeName): NodeOfFabric {
    const node = this.nodes.get(name)
    if (node === undefined) throw new Error(`no node ${name}`)
    return node
  }

  private pass(rounds: number) {
    return Effect.gen(this, function* () {
      for (let round = 0; round < rounds; round++) {
        yield* turn
        this.fabric.clock.advance(10)
        yield* TestClock.adjust(10)
        yield* turn
      }
    })
  }

  private ended(call: Promise<unknown>) {
    let done = false
    void call.then(() => {
      done = true
    })
    return this.until(() => done)
  }

  private until(done: () => boolean) {
    return Effect.gen(this, function* () {
      for (let round = 0; round < 6_000 && !done(); round++) yield* this.pass(1)
      expect(done(), this.where).toBe(true)
    })
  }
}

const play = (runs: number, takeovers: boolean) =>
  Effect.gen(function* () {
    let confirmed = 0
    let moved = 0
    let refused = 0
    for (let seed = 1; seed <= runs; seed++) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const run = new Run(seed, takeovers)
          yield* run.start
          for (let at = 0; at < steps; at++) yield* run.step
          yield* run.check
          confirmed += run.confirmed.length
          moved += run.moved
          refused += run.refused
        }),
      )
    }
    // The runs are worth something only if much happened.
    expect(confirmed).toBeGreaterThan(runs * 10)
    expect(moved).toBeGreaterThan(runs * 3)
    if (takeovers) expect(refused).toBeGreaterThan(0)
  })

describe("a shard that moves all the time", () => {
  it.effect("nobody notices", () => play(8, false), 60_000)
  it.effect("loses nothing when it is taken over in the middle", () => play(12, true), 90_000)
})
