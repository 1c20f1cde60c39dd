/** Planned moves between two nodes of one process, step by step. */
import { describe, expect, it } from "@effect/vitest"
import type { SkeinError } from "@skein/model"
import type { DeliveredRun, QueueInfo } from "@skein/wire"
import { Effect, TestClock } from "effect"
import { bodiesOf, frameOf, producer, session } from "./testing/Rig.js"
import { type NodeOfFabric, SharedFabric } from "./testing/SharedFabric.js"

const turn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

const shard = 1

class Pair {
  readonly fabric = new SharedFabric(2)
  n1!: NodeOfFabric
  n2!: NodeOfFabric
  queue!: QueueInfo
  private frames = 0
  private fetches = 0

  get start() {
    return Effect.gen(this, function* () {
      this.n1 = yield* this.fabric.start("n1")
      this.n2 = yield* this.fabric.start("n2")
      this.fabric.give("n1", "n1")
      this.n1.core.reachOthers(this.n2.core.forOthers)
      this.n2.core.reachOthers(this.n1.core.forOthers)
      yield* this.until(() => this.n1.core.isShardOpen(0) && this.n1.core.isShardOpen(shard))
      for (let at = 0; this.queue?.shard !== shard; at++) {
        this.queue = yield* Effect.promise(() => this.n1.core.admin.declare(`q${at}`))
      }
      for (const { core } of [this.n1, this.n2]) {
        yield* Effect.promise(() => core.broker.openSession(session, 30_000))
      }
    })
  }

  publish({ core }: NodeOfFabric, ...bodies: readonly string[]) {
    this.frames += 1
    const { queue, frames: frameNumber } = this
    return core.broker.publish({ queue, producer, frameNumber, frame: frameOf(bodies) })
  }

  fetch({ core }: NodeOfFabric, messagesMax = 100, waitMs = 0) {
    this.fetches += 1
    const { queue, fetches: fetchNumber } = this
    const much = { bytesMax: 1e6, waitMs, settles: [] }
    return core.broker.fetch({ queue, session, fetchNumber, messagesMax, ...much })
  }

  ack({ core }: NodeOfFabric, run: DeliveredRun) {
    const { attempt, epoch, first, last } = run
    const settles = [{ outcome: "ack" as const, attempt, epoch, ranges: [first, last] }]
    return core.broker.settle({ queue: this.queue, session, settles })
  }

  move(to = "n2") {
    return Effect.gen(this, function* () {
      const ends: string[] = []
      void this.fabric.move(shard, to).then((outcome) => ends.push(outcome))
      yield* this.until(() => ends.length > 0)
      return ends[0]
    })
  }

  until(done: () => boolean) {
    return Effect.gen(this, function* () {
      for (let round = 0; round < 3_000 && !done(); round++) {
        yield* turn
        if (round % 5 === 4) yield* this.pass(10)
      }
      expect(done(), this.fabric.moves.join() + this.fabric.faults.join()).toBe(true)
    })
  }

  pass(ms: number) {
    return Effect.gen(this, function* () {
      this.fabric.clock.advance(ms)
      yield* TestClock.adjust(ms)
      yield* turn
    })
  }

  /** The call's value or error. */
  ended<A>(call: Promise<A>) {
    return Effect.gen(this, function* () {
      const ends: (A | SkeinError)[] = []
      call.then(
        (value) => ends.push(value),
        (error: SkeinError) => ends.push(error),
      )
      yield* this.until(() => ends.length > 0)
      return ends[0]
    })
  }

  ok<A>(call: Promise<A>) {
    return Effect.map(this.ended(call), (end) => end as A)
  }
}

const failureOf = <A>(call: Promise<A>): Promise<SkeinError> =>
  call.then(
    () => Promise.reject(new Error("it succeeded")),
    (error: SkeinError) => error,
  )

const pair = <A, E>(run: (pair: Pair) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const one = new Pair()
      yield* one.start
      yield* run(one)
    }),
  )

describe("a planned move", () => {
  it.effect("takes messages, leases and producers along, and counts nothing", () =>
    pair((p) =>
      Effect.gen(function* () {
        yield* p.ok(p.publish(p.n1, "a", "b", "c", "d"))
        const [run] = yield* p.ok(p.fetch(p.n1, 2).delivered)
        expect(bodiesOf([run])).toEqual(["a", "b"])
        expect(yield* p.move()).toBe("done")
        expect([p.n1.core.isShardOpen(shard), p.n2.core.isShardOpen(shard)]).toEqual([false, true])
        yield* p.ok(p.publish(p.n2, "e"))
        const rest = yield* p.ok(p.fetch(p.n2).delivered)
        expect(bodiesOf(rest)).toEqual(["c", "d", "e"])
        expect(rest.every(({ redelivered, epoch }) => !redelivered && epoch > run.epoch)).toBe(true)
        // The older tag still extends and settles.
        const extend = { queue: p.queue, session, epoch: run.epoch, ranges: [1, 2] }
        expect(yield* p.ok(p.n2.core.broker.extend(extend))).toEqual([])
        expect(yield* p.ok(p.ack(p.n2, run))).toEqual([])
        for (const one of rest) expect(yield* p.ok(p.ack(p.n2, one))).toEqual([])
        const { counts } = yield* p.ok(p.n2.core.admin.show(p.queue.name))
        expect([counts.total, counts.failed, counts.acked]).toEqual([0, 0, 5])
        // A stale request hears where it went.
        const stale = (yield* p.ended(p.publish(p.n1, "f"))) as SkeinError
        expect([stale._tag, stale.data.node]).toEqual(["Moved", "n2"])
        expect(yield* p.move("n1")).toBe("done")
        expect(p.fabric.faults).toEqual([])
      }),
    ),
  )

  it.effect("answers long polls and what was parked with Moved, once", () =>
    pair((p) =>
      Effect.gen(function* () {
        yield* p.ok(p.publish(p.n1, "a"))
        yield* p.ok(p.fetch(p.n1).delivered)
        const poll = p.fetch(p.n1, 10, 20_000).delivered
        // The commit of the hand-over waits: the shard is parked.
        p.n1.journal.hold()
        const moving = p.fabric.move(shard, "n2")
        for (let at = 0; at < 20; at++) yield* p.pass(10)
        const parked = p.publish(p.n1, "b")
        const both = Promise.all([failureOf(poll), failureOf(parked)])
        p.n1.journal.let()
        const ends = yield* p.ok(both)
        expect(ends.map(({ _tag, data }) => [_tag, data.node, data.outcome])).toEqual([
          ["Moved", "n2", undefined],
          ["Moved", "n2", undefined],
        ])
        expect(yield* p.ok(moving)).toBe("done")
        const { counts } = yield* p.ok(p.n2.core.admin.show(p.queue.name))
        expect(counts.published).toBe(1)
      }),
    ),
  )

  it.effect("is taken back while the token is here: what was parked is decided", () =>
    pair((p) =>
      Effect.gen(function* () {
        yield* p.ok(p.publish(p.n1, "a"))
        p.n1.journal.hold()
        const moving = p.fabric.move(shard, "n2")
        for (let at = 0; at < 20; at++) yield* p.pass(10)
        const parked = p.publish(p.n1, "b")
        p.fabric.silence("n2")
        for (let at = 0; at < 10; at++) yield* p.pass(10)
        p.n1.journal.let()
        expect(yield* p.ok(moving)).toBe("refused")
        expect(yield* p.ok(parked)).toMatchObject({ first: 2 })
        expect(bodiesOf(yield* p.ok(p.fetch(p.n1).delivered))).toEqual(["a", "b"])
        const [run] = yield* p.ok(p.fetch(p.n1, 1, 0).delivered)
        expect(run).toBeUndefined()
      }),
    ),
  )

  it.effect("goes on when every call is lost twice or comes twice", () =>
    pair((p) =>
      Effect.gen(function* () {
        const said = new Map<string, number>()
        p.fabric.say = (from, to, what) => {
          const times = (said.get(from + to + what) ?? 0) + 1
          said.set(from + to + what, times)
          if (what === "startMove") return 1
          return times <= 2 ? 0 : 2
        }
        for (let at = 0; at < 6; at++) {
          said.clear()
          yield* p.ok(p.publish(at % 2 === 0 ? p.n1 : p.n2, `m${at}`))
          expect(yield* p.move(at % 2 === 0 ? "n2" : "n1")).toBe("done")
        }
        const all = bodiesOf(yield* p.ok(p.fetch(p.n1).delivered))
        expect(all).toEqual(["m0", "m1", "m2", "m3", "m4", "m5"])
      }),
    ),
  )

  it.effect("reads frames where the former owner's cleaner has put them meanwhile", () =>
    pair((p) =>
      Effect.gen(function* () {
        yield* p.ok(p.publish(p.n1, "a", "b"))
        yield* p.ok(p.publish(p.n1, "c"))
        const { generation } = p.queue
        const old = 1
        p.n2.journal.copied.push({ generation, first: 1, location: 1_000, bytes: 0, old })
        expect(yield* p.move()).toBe("done")
        const runs = yield* p.ok(p.fetch(p.n2).delivered)
        expect(p.fabric.faults).toEqual([])
        expect(bodiesOf(runs)).toEqual(["a", "b", "c"])
        for (const run of runs) expect(yield* p.ok(p.ack(p.n2, run))).toEqual([])
        yield* p.ok(p.publish(p.n2, "d"))
        expect([...p.n2.journal.released.keys()]).toContain(`${shard}:1000`)
      }),
    ),
  )

  it.effect("a takeover after it flags what was handed out before it", () =>
    pair((p) =>
      Effect.gen(function* () {
        yield* p.ok(p.publish(p.n1, "a", "b", "c"))
        yield* p.ok(p.fetch(p.n1, 1).delivered)
        expect(yield* p.move()).toBe("done")
        p.fabric.silence("n2")
        p.fabric.give("n1", "n1")
        yield* p.until(() => p.n1.core.isShardOpen(shard))
        const runs = yield* p.ok(p.fetch(p.n1).delivered)
        expect(bodiesOf(runs)).toEqual(["a", "b", "c"])
        expect(runs.every(({ redelivered, failed }) => redelivered && failed === 0)).toBe(true)
      }),
    ),
  )
})
