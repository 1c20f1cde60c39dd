import { describe, expect, it } from "@effect/vitest"
import { limits, type QueueRef, type Shard, type SkeinError, skeinError } from "@skein/model"
import type { QueueInfo } from "@skein/wire"
import { Effect, TestClock } from "effect"
import { bodiesOf, frameOf, producer, session } from "./testing/Rig.js"
import { type NodeOfFabric, SharedFabric } from "./testing/SharedFabric.js"

/** Lets promises and fibers run, and both clocks, until `done`. */
const until = (fabric: SharedFabric, done: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let round = 0; round < 2_000 && !done(); round++) {
      yield* turn
      if (round % 10 !== 9) continue
      fabric.clock.advance(100)
      yield* TestClock.adjust(100)
    }
    expect(done()).toBe(true)
  })

const turn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Long enough for everything that needs no time. */
const turns = Effect.repeatN(turn, 30)

/** The error's tag, with the node that it names. */
const outcome = (call: Promise<unknown>): Effect.Effect<string> =>
  Effect.promise(() =>
    call.then(
      () => "ok",
      ({ _tag, data }: SkeinError) => [_tag, data.node, data.address].filter(Boolean).join(" "),
    ),
  )

const publish = (node: NodeOfFabric, queue: QueueRef, frameNumber: number, body = "a") =>
  node.core.broker.publish({ queue, producer, frameNumber, frame: frameOf([body]) })

const take = (node: NodeOfFabric, queue: QueueRef) =>
  Effect.promise(async () => {
    const { broker } = node.core
    await broker.openSession(session, 30_000)
    const request = { queue, session, fetchNumber: 1, messagesMax: 9, bytesMax: 1e6, waitMs: 0 }
    return bodiesOf(await broker.fetch({ ...request, settles: [] }).delivered)
  })

const open =
  (node: NodeOfFabric, ...shards: readonly Shard[]) =>
  () =>
    shards.every((shard) => node.core.isShardOpen(shard))

const closed =
  (node: NodeOfFabric, ...shards: readonly Shard[]) =>
  () =>
    shards.every((shard) => !node.core.isShardOpen(shard))

/** A queue of the shard, declared where the catalog is. */
const queueIn = (node: NodeOfFabric, shard: Shard) =>
  Effect.gen(function* () {
    for (let at = 0; ; at++) {
      const queue: QueueInfo = yield* Effect.promise(() => node.core.admin.declare(`q${at}`))
      if (queue.shard === shard) return queue
    }
  })

/** Two nodes; n1 has s000 and s001, n2 has s002. */
const two = Effect.gen(function* () {
  const fabric = new SharedFabric(3)
  const n1 = yield* fabric.start("n1")
  const n2 = yield* fabric.start("n2")
  // Without the network between them.
  n1.core.reachOthers(n2.core.forOthers)
  n2.core.reachOthers(n1.core.forOthers)
  fabric.give("n1", "n1", "n2")
  yield* until(fabric, () => open(n1, 0, 1)() && open(n2, 2)())
  return { fabric, n1, n2 }
})

describe("nodes of one fabric", () => {
  it.scoped("open nothing before there is a table, then what it gives each", () =>
    Effect.gen(function* () {
      const fabric = new SharedFabric(3)
      const n1 = yield* fabric.start("n1")
      yield* turns
      expect(closed(n1, 0, 1, 2)()).toBe(true)
      expect(yield* outcome(publish(n1, { shard: 1, generation: 1 }, 1))).toBe("ShardUnavailable")
      fabric.give("n1", "n1", undefined)
      yield* until(fabric, open(n1, 0, 1))
      expect(n1.core.isShardOpen(2)).toBe(false)
    }),
  )

  it.scoped("answer Moved with the owner's address for shards of another living node", () =>
    Effect.gen(function* () {
      const { fabric, n1, n2 } = yield* two
      const queue = { shard: 2, generation: 1 }
      expect(yield* outcome(publish(n1, queue, 1))).toBe("Moved n2 127.0.0.1:n2")
      fabric.silence("n2")
      expect(yield* outcome(publish(n1, queue, 1))).toBe("ShardUnavailable")
      expect(yield* outcome(publish(n2, { shard: 1, generation: 1 }, 1))).toBe(
        "Moved n1 127.0.0.1:n1",
      )
    }),
  )

  it.scoped(
    "close a shard that the table gives to the other, which serves all that was stored",
    () =>
      Effect.gen(function* () {
        const { fabric, n1, n2 } = yield* two
        const queue = yield* queueIn(n1, 1)
        expect(yield* outcome(publish(n1, queue, 1, "first"))).toBe("ok")
        fabric.give("n1", "n2", "n2")
        yield* until(fabric, () => open(n2, 1)() && closed(n1, 1)())
        expect(yield* outcome(publish(n1, queue, 2))).toBe("Moved n2 127.0.0.1:n2")
        expect(yield* outcome(publish(n2, queue, 2, "second"))).toBe("ok")
        expect(yield* take(n2, queue)).toEqual(["first", "second"])
        expect(fabric.givenUp).toEqual([])
      }),
  )

  it.scoped("take over the shards of a node that was killed, with every confirmed message", () =>
    Effect.gen(function* () {
      const { fabric, n1, n2 } = yield* two
      const queue = yield* queueIn(n1, 1)
      for (let n = 1; n <= 5; n++) {
        expect(yield* outcome(publish(n1, queue, n, `m${n}`))).toBe("ok")
      }
      fabric.deaf.add("n1")
      fabric.silence("n1")
      fabric.give("n2", "n2", "n2")
      yield* until(fabric, open(n2, 0, 1, 2))
      expect(yield* take(n2, queue)).toEqual(["m1", "m2", "m3", "m4", "m5"])
      // The catalog came along.
      expect(yield* outcome(n2.core.admin.lookup(queue.name))).toBe("ok")
    }),
  )

  it.scoped("end a fenced owner's requests with Moved, and it does not claim back", () =>
    Effect.gen(function* () {
      const { fabric, n1, n2 } = yield* two
      const queue = yield* queueIn(n1, 1)
      expect(yield* outcome(publish(n1, queue, 1, "first"))).toBe("ok")
      // n1 was stopped for a while: it has not heard of the new table.
      fabric.deaf.add("n1")
      fabric.silence("n1")
      fabric.give("n1", "n2", "n2")
      yield* until(fabric, open(n2, 1))
      fabric.silence("n1", false)
      const error = yield* Effect.promise(() => publish(n1, queue, 2).catch((why) => why))
      expect(error).toMatchObject({ _tag: "Moved", data: { outcome: "unknown" } })
      const { epoch } = fabric.tokens.holder(1) ?? { epoch: 0 }
      // It reads the table again by itself, and names the owner from then on.
      yield* until(fabric, () => n1.map.ownerOf(1)?.node === "n2")
      expect(yield* outcome(publish(n1, queue, 2))).toBe("Moved n2 127.0.0.1:n2")
      yield* until(fabric, open(n1, 0))
      expect(fabric.tokens.holder(1)?.epoch).toBe(epoch)
      expect(yield* outcome(publish(n2, queue, 2, "second"))).toBe("ok")
    }),
  )

  it.scoped("name the new owner to those who wait when it is known at the fencing", () =>
    Effect.gen(function* () {
      const { fabric, n1, n2 } = yield* two
      const queue = yield* queueIn(n1, 1)
      expect(yield* outcome(publish(n1, queue, 1))).toBe("ok")
      yield* Effect.promise(() => n1.core.broker.openSession(session, 30_000))
      const fetch = n1.core.broker.fetch({
        ...{ queue, session, fetchNumber: 1, messagesMax: 1, bytesMax: 1e6, settles: [] },
        waitMs: 5_000,
      })
      expect(yield* outcome(fetch.delivered)).toBe("ok")
      const waiting = n1.core.broker.fetch({
        ...{ queue, session, fetchNumber: 2, messagesMax: 1, bytesMax: 1e6, settles: [] },
        waitMs: 5_000,
      })
      yield* turns
      // One commit is in flight, the next one gathers; between them the token goes.
      n1.journal.hold()
      const first = publish(n1, queue, 2)
      yield* turns
      const second = publish(n1, queue, 3)
      yield* turns
      fabric.tokens.take(1, "2".padStart(32, "0"))
      fabric.give("n1", "n2", "n2")
      yield* turns
      n1.journal.let()
      expect(yield* outcome(first)).toBe("ok")
      expect(yield* outcome(second)).toBe("Moved n2 127.0.0.1:n2")
      // The first of the two messages went to the fetch that waited.
      expect(yield* outcome(waiting.delivered)).toBe("ok")
      yield* until(fabric, open(n2, 1))
    }),
  )

  it.scoped("fence each other once and no more when the table is of two minds", () =>
    Effect.gen(function* () {
      const { fabric, n1, n2 } = yield* two
      const queue = yield* queueIn(n1, 1)
      expect(yield* outcome(publish(n1, queue, 1))).toBe("ok")
      // Another took the token although the table says n1, and stays alive.
      const { epoch } = fabric.tokens.take(1, "2".padStart(32, "0"))
      expect(yield* outcome(publish(n1, queue, 2))).toBe("Moved")
      for (let ms = 0; ms < 1_100; ms += 100) {
        fabric.clock.advance(100)
        yield* turns
      }
      expect(fabric.tokens.holder(1)?.epoch).toBe(epoch)
      fabric.silence("n2")
      yield* until(fabric, open(n1, 1))
      expect(yield* outcome(publish(n1, queue, 2))).toBe("ok")
      expect(n2.core.isShardOpen(2)).toBe(true)
    }),
  )
})

describe("a request for a shard that is on its way", () => {
  const held = Effect.gen(function* () {
    const { fabric, n1, n2 } = yield* two
    const queue = yield* queueIn(n1, 1)
    expect(yield* outcome(publish(n1, queue, 1, "first"))).toBe("ok")
    n2.journal.hold()
    fabric.give("n1", "n2", "n2")
    yield* until(fabric, closed(n1, 1))
    return { fabric, n1, n2, queue }
  })

  it.scoped("waits for it, in the order of coming", () =>
    Effect.gen(function* () {
      const { n2, queue } = yield* held
      const calls = ["a", "b", "c"].map((body, at) => outcome(publish(n2, queue, at + 2, body)))
      yield* turns
      expect(n2.core.isShardOpen(1)).toBe(false)
      n2.journal.let()
      expect(yield* Effect.all(calls)).toEqual(["ok", "ok", "ok"])
      expect(yield* take(n2, queue)).toEqual(["first", "a", "b", "c"])
    }),
  )

  it.scoped("hears ShardUnavailable when that takes too long", () =>
    Effect.gen(function* () {
      const { fabric, n2, queue } = yield* held
      const call = publish(n2, queue, 2)
      yield* turns
      fabric.clock.advance(limits.parkedMs)
      expect(yield* outcome(call)).toBe("ShardUnavailable")
      n2.journal.let()
    }),
  )

  it.scoped("hears Moved when it goes elsewhere after all", () =>
    Effect.gen(function* () {
      const { fabric, n2, queue } = yield* held
      const call = publish(n2, queue, 2)
      yield* turns
      fabric.give("n1", "n1", "n2")
      expect(yield* outcome(call)).toBe("Moved n1 127.0.0.1:n1")
      n2.journal.let()
    }),
  )

  it.scoped("is refused beyond the number that may wait", () =>
    Effect.gen(function* () {
      const { fabric, n2, queue } = yield* held
      const calls = Array.from({ length: limits.parkedRequestsMax }, (_, at) =>
        publish(n2, queue, at + 2).catch(() => {}),
      )
      expect(yield* outcome(publish(n2, queue, 9))).toBe("ShardUnavailable")
      fabric.clock.advance(limits.parkedMs)
      yield* Effect.promise(() => Promise.all(calls))
      n2.journal.let()
    }),
  )
})

describe("a shard that fails again and again on a node", () => {
  it.scoped("is given up, and the node serves on", () =>
    Effect.gen(function* () {
      const { fabric, n1, n2 } = yield* two
      const no = skeinError("InternalError", "no")
      n2.journal.unopenable.set(1, no)
      fabric.give("n1", "n2", "n2")
      yield* until(fabric, () => fabric.givenUp.length > 0)
      expect(fabric.givenUp).toEqual(["n2 1"])
      expect(open(n2, 2)()).toBe(true)
      fabric.give("n1", "n1", "n2")
      yield* until(fabric, open(n1, 1))
    }),
  )
})

describe("the catalog on another node", () => {
  it.scoped("answers declarations, look-ups and first uses", () =>
    Effect.gen(function* () {
      const { n1, n2 } = yield* two
      const queue = yield* queueIn(n2, 2)
      expect(yield* outcome(publish(n2, queue, 1, "a"))).toBe("ok")
      expect(yield* take(n2, queue)).toEqual(["a"])
      expect(yield* outcome(n1.core.admin.lookup(queue.name))).toBe("ok")
    }),
  )

  it.scoped("has a queue deleted in its shard on the other node, and buries it", () =>
    Effect.gen(function* () {
      const { n1, n2 } = yield* two
      const queue = yield* queueIn(n1, 2)
      expect(yield* outcome(publish(n2, queue, 1))).toBe("ok")
      expect(yield* Effect.promise(() => n1.core.admin.delete(queue.name))).toBe(true)
      expect(n2.core.digests(2).has(queue.generation)).toBe(false)
      expect(yield* outcome(publish(n2, queue, 2))).toBe("QueueNotFound")
      expect(yield* Effect.promise(() => n1.core.admin.delete(queue.name))).toBe(false)
    }),
  )

  it.scoped("does not bring a queue back that is deleted between look-up and creation", () =>
    Effect.gen(function* () {
      const { n1, n2 } = yield* two
      const queue = yield* queueIn(n1, 2)
      // The look-up's answer is on its way while the delete goes through.
      let arrive = () => {}
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve
      })
      const { catalog: door, erase } = n1.core.forOthers
      const slow = {
        ...door,
        byGeneration: async (generation: number) => {
          const info = await door.byGeneration(generation)
          await arrived
          return info
        },
      }
      n2.core.reachOthers({ catalog: slow, erase })
      const first = publish(n2, queue, 1)
      yield* turns
      expect(yield* Effect.promise(() => n1.core.admin.delete(queue.name))).toBe(true)
      arrive()
      expect(yield* outcome(first)).toBe("QueueNotFound")
      expect(n2.core.digests(2).has(queue.generation)).toBe(false)
    }),
  )

  it.scoped("is asked for what was deleted while the shard had no owner", () =>
    Effect.gen(function* () {
      const { fabric, n1, n2 } = yield* two
      const queue = yield* queueIn(n1, 2)
      expect(yield* outcome(publish(n2, queue, 1))).toBe("ok")
      n2.journal.unopenable.set(2, skeinError("ShardCorrupt", "not now"))
      fabric.tokens.take(2, "9".repeat(32))
      expect(yield* outcome(publish(n2, queue, 2))).toBe("Moved")
      yield* turns
      fabric.silence("n2")
      expect(yield* outcome(n1.core.admin.delete(queue.name))).toBe("ShardUnavailable")
      fabric.give("n1", "n1", "n1")
      yield* until(fabric, open(n1, 2))
      yield* until(fabric, () => !n1.core.digests(2).has(queue.generation))
      expect(yield* Effect.promise(() => n1.core.admin.delete(queue.name))).toBe(false)
    }),
  )
})
