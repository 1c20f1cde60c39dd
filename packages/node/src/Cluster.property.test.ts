/**
 * Random tables, nodes that stand still and go on, and publishes to whoever is thought to have the
 * shard: at the end every confirmed message is there once and in order.
 */
import { describe, expect, it } from "@effect/vitest"
import { SeededRandom } from "@skein/journal"
import { type NodeName, type Shard, type SkeinError, shardName } from "@skein/model"
import type { QueueInfo } from "@skein/wire"
import { Effect, TestClock } from "effect"
import { bodiesOf, frameOf, session } from "./testing/Rig.js"
import { type NodeOfFabric, SharedFabric } from "./testing/SharedFabric.js"

const shards = 4
const names: readonly NodeName[] = ["n1", "n2", "n3"]
const runs = 12
const steps = 60

const turn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

class Run {
  readonly fabric = new SharedFabric(shards)
  readonly nodes = new Map<NodeName, NodeOfFabric>()
  readonly random: SeededRandom
  readonly owners: NodeName[] = Array.from({ length: shards }, () => "n1")
  /** By shard: its queue, and the bodies that were confirmed, in their order. */
  readonly queues: QueueInfo[] = []
  readonly confirmed: string[][] = Array.from({ length: shards }, () => [])
  readonly unknown = new Set<string>()
  private published = 0
  refused = 0

  constructor(readonly seed: number) {
    this.random = new SeededRandom(seed)
  }

  get start() {
    return Effect.gen(this, function* () {
      for (const name of names) this.nodes.set(name, yield* this.fabric.start(name))
      this.fabric.give(...this.owners)
      yield* this.until(() => this.allAt("n1"))
      const n1 = this.node("n1")
      for (let at = 0; this.queues.filter(Boolean).length < shards; at++) {
        const queue = yield* Effect.promise(() => n1.core.admin.declare(`q${at}`))
        this.queues[queue.shard] = queue
        yield* this.publish(n1, queue.shard)
      }
    })
  }

  get step() {
    return Effect.gen(this, function* () {
      const shard = this.random.below(shards)
      const name = names[this.random.below(names.length)]
      const dice = this.random.below(10)
      if (dice === 0) {
        this.fabric.deaf.add(name)
        this.fabric.silence(name)
      } else if (dice === 1) {
        this.fabric.deaf.delete(name)
        this.fabric.silence(name, false)
      } else if (dice < 5) {
        this.owners[shard] = name
        this.fabric.give(...this.owners)
      } else if (dice === 5) yield* this.pass(this.random.below(800))
      // Often to the owner as the table says, at times to one that was the owner.
      else yield* this.publish(this.node(dice < 8 ? this.owners[shard] : name), shard)
    })
  }

  get check() {
    return Effect.gen(this, function* () {
      for (const name of names) {
        this.fabric.deaf.delete(name)
        this.fabric.silence(name, false)
      }
      this.fabric.give("n1", "n1", "n1", "n1")
      yield* this.until(() => this.allAt("n1"))
      for (let shard = 0; shard < shards; shard++) {
        const stored = yield* this.read(shard)
        const known = new Set(this.confirmed[shard])
        const where = `seed ${this.seed} ${shardName(shard)}`
        expect(
          stored.filter((body) => known.has(body)),
          where,
        ).toEqual(this.confirmed[shard])
        // Beyond them only what nobody could tell the fate of.
        const others = stored.filter((body) => !known.has(body))
        expect(new Set(others).size, where).toBe(others.length)
        for (const body of others) expect(this.unknown.has(body), `${where} ${body}`).toBe(true)
      }
    })
  }

  /** Each under a producer of its own: no number of a frame keeps a stale owner from storing it. */
  private publish(node: NodeOfFabric, shard: Shard) {
    const body = String(++this.published)
    const producer = body.padStart(32, "0")
    const request = { queue: this.queues[shard], producer, frameNumber: 1, frame: frameOf([body]) }
    return Effect.map(
      this.outcome(() => node.core.broker.publish(request)),
      (answer) => {
        if ("value" in answer) this.confirmed[shard].push(body)
        else {
          this.refused += 1
          if (answer.error.data.outcome === "unknown") this.unknown.add(body)
        }
      },
    )
  }

  /** An owner that was fenced and has not noticed learns it by the first call. */
  private read(shard: Shard) {
    const { broker } = this.node("n1").core
    const much = { messagesMax: 4096, bytesMax: 1e6, waitMs: 0, settles: [] }
    const call = async () => {
      await broker.openSession(session, 30_000)
      const fetch = broker.fetch({ queue: this.queues[shard], session, fetchNumber: 1, ...much })
      return bodiesOf(await fetch.delivered)
    }
    return Effect.gen(this, function* () {
      for (let times = 0; times < 20; times++) {
        const answer = yield* this.outcome(call)
        if ("value" in answer) return answer.value
        expect(answer.error.retryable).toBe(true)
      }
      throw new Error(`seed ${this.seed}: ${shardName(shard)} does not serve`)
    })
  }

  private outcome<A>(call: () => Promise<A>) {
    return Effect.gen(this, function* () {
      const answers: ({ readonly value: A } | { readonly error: SkeinError })[] = []
      call().then(
        (value) => answers.push({ value }),
        (error: SkeinError) => answers.push({ error }),
      )
      yield* this.until(() => answers.length > 0)
      return answers[0]
    })
  }

  private node(name: NodeName): NodeOfFabric {
    const node = this.nodes.get(name)
    if (node === undefined) throw new Error(`no node ${name}`)
    return node
  }

  private allAt(name: NodeName): boolean {
    const { core } = this.node(name)
    return Array.from({ length: shards }, (_, shard) => shard).every((shard) =>
      core.isShardOpen(shard),
    )
  }

  private pass(ms: number) {
    return Effect.gen(this, function* () {
      for (let gone = 0; gone < ms; gone += 100) {
        this.fabric.clock.advance(100)
        yield* TestClock.adjust(100)
        yield* turn
      }
    })
  }

  private until(done: () => boolean) {
    return Effect.gen(this, function* () {
      for (let round = 0; round < 5_000 && !done(); round++) {
        yield* turn
        if (round % 10 === 9) yield* this.pass(100)
      }
      expect(done(), `seed ${this.seed}`).toBe(true)
    })
  }
}

describe("a fabric of three nodes", () => {
  it.effect("loses, doubles and disorders nothing, whoever has the shards", () =>
    Effect.gen(function* () {
      let confirmed = 0
      let refused = 0
      for (let seed = 1; seed <= runs; seed++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const run = new Run(seed)
            yield* run.start
            for (let at = 0; at < steps; at++) yield* run.step
            yield* run.check
            confirmed += run.confirmed.reduce((sum, each) => sum + each.length, 0)
            refused += run.refused
          }),
        )
      }
      // The runs are worth something only if both happen often.
      expect(confirmed).toBeGreaterThan(runs * 8)
      expect(refused).toBeGreaterThan(runs)
    }),
  )
})
