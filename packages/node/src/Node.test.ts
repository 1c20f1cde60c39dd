import { describe, expect, it } from "@effect/vitest"
import {
  ManualClock,
  MemoryStore,
  MemoryTokens,
  memoryJournal,
  memoryOwnership,
} from "@skein/journal"
import { type ErrorTag, type SkeinError, skeinError } from "@skein/model"
import { Child } from "@skein/supervision"
import { Effect, Exit, Scope, TestClock } from "effect"
import { type DoorFailed, makeNode, type NodeOptions, type RunningNode } from "./Node.js"
import { FaultyJournal } from "./testing/FaultyJournal.js"
import { frameOf, outsideForTests, producer } from "./testing/Rig.js"

const setup = (shards = 4) => {
  const store = new MemoryStore()
  const tokens = new MemoryTokens()
  const ownership = memoryOwnership(tokens, "1".repeat(32))
  const journal = new FaultyJournal(memoryJournal({ store, ownership }))
  const options: NodeOptions = {
    journal,
    clock: new ManualClock(),
    shards,
    outside: outsideForTests,
    onFault: () => {},
  }
  return { journal, options, tokens }
}

/** Lets promises and fibers run, then time, until `done`. */
const until = (done: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let round = 0; round < 2_000 && !done(); round++) {
      yield* turn
      yield* TestClock.adjust(round % 10 === 9 ? 500 : 0)
    }
    expect(done()).toBe(true)
  })

const turn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

const publish = (node: RunningNode, queue: { shard: number; generation: number }, n: number) =>
  Effect.promise(() =>
    node.core.broker.publish({ queue, producer, frameNumber: n, frame: frameOf(["a"]) }).then(
      () => "ok" as const,
      (error): ErrorTag => error._tag,
    ),
  )

const declare = (node: RunningNode, name: string) =>
  Effect.promise(() => node.core.admin.declare(name))

const rowOf = (node: RunningNode, path: string) =>
  Effect.map(
    Effect.promise(() => node.core.admin.status()),
    ({ tree }) => tree.find((row) => row.path === path),
  )

/** A queue outside of the catalog's shard. */
const queueElsewhere = (node: RunningNode) =>
  Effect.gen(function* () {
    for (let at = 0; ; at++) {
      const queue = yield* declare(node, `q${at}`)
      if (queue.shard !== 0) return queue
    }
  })

/** Ends with what the node failed with. */
const failureOf = (node: RunningNode) =>
  Effect.gen(function* () {
    let message: string | undefined
    const fiber = yield* Effect.fork(
      Effect.catchAll(node.failed, (error) =>
        Effect.sync(() => {
          message = String(error.message)
        }),
      ),
    )
    yield* until(() => message !== undefined)
    yield* fiber.inheritAll
    return message ?? ""
  })

describe("makeNode", () => {
  it.scoped("shows its tree, parents before children", () =>
    Effect.gen(function* () {
      const node = yield* makeNode(setup(2).options)
      const { tree, shardsOpen } = yield* Effect.promise(() => node.core.admin.status())
      expect(shardsOpen).toBe(2)
      expect(tree.map(({ path, state, restarts }) => `${path} ${state} ${restarts}`)).toEqual([
        "node running 0",
        "node/journal running 0",
        "node/shards running 0",
        "node/shards/s000 running 0",
        "node/shards/s001 running 0",
      ])
    }),
  )

  it.scoped("opens a shard again that the journal refused, and tells it", () =>
    Effect.gen(function* () {
      const { journal, options } = setup()
      const node = yield* makeNode(options)
      const queue = yield* queueElsewhere(node)
      expect(yield* publish(node, queue, 1)).toBe("ok")
      journal.refusing.set(queue.shard, skeinError("InternalError", "a bad write"))
      expect(yield* publish(node, queue, 2)).toBe("ShardUnavailable")
      journal.refusing.clear()
      yield* until(() => node.core.isShardOpen(queue.shard))
      expect(yield* publish(node, queue, 2)).toBe("ok")
      const row = yield* rowOf(node, `node/shards/s00${queue.shard}`)
      expect(row).toMatchObject({ state: "running", restarts: 1 })
      expect(row?.lastCause).toContain("a bad write")
    }),
  )

  it.scoped("survives one bad commit of all its shards", () =>
    Effect.gen(function* () {
      const shards = 32
      const { journal, options } = setup(shards)
      const node = yield* makeNode(options)
      const queues = []
      for (let at = 0; at < shards; at++) queues.push(yield* declare(node, `q${at}`))
      for (let shard = 0; shard < shards; shard++) {
        journal.refusing.set(shard, skeinError("DiskFull", "full for a moment"))
      }
      yield* Effect.all(
        queues.map((queue) => publish(node, queue, 1)),
        { concurrency: "unbounded" },
      )
      journal.refusing.clear()
      yield* until(() => {
        for (let shard = 0; shard < shards; shard++) {
          if (!node.core.isShardOpen(shard)) return false
        }
        return true
      })
      expect(yield* publish(node, queues[5], 1)).toBe("ok")
    }),
  )

  it.scoped("leaves a damaged shard closed and serves the others", () =>
    Effect.gen(function* () {
      const { journal, options } = setup()
      journal.unopenable.set(2, skeinError("ShardCorrupt", "record 7 at 4096"))
      const faults: string[] = []
      const onFault = (where: string, { code, detail }: SkeinError) => {
        faults.push(`${where} ${code} ${detail}`)
      }
      const node = yield* makeNode({ ...options, onFault })
      yield* until(() => node.core.isShardOpen(3))
      const row = yield* rowOf(node, "node/shards/s002")
      expect(row).toMatchObject({ restarts: 0 })
      expect(row?.state).not.toBe("running")
      expect(row?.lastCause).toContain("record 7 at 4096")
      expect(faults).toEqual(["s002 SKEIN_SHARD_CORRUPT record 7 at 4096"])
      for (const name of ["q0", "q1", "q2", "q3"]) {
        const queue = yield* declare(node, name)
        // Not ShardUnavailable: a client would ask again until its time is over.
        const expected = queue.shard === 2 ? "ShardCorrupt" : "ok"
        expect(yield* publish(node, queue, 1)).toBe(expected)
      }
    }),
  )

  it.scoped("ends when its journal can never commit again, and says why", () =>
    Effect.gen(function* () {
      const { journal, options } = setup()
      const node = yield* makeNode(options)
      const eio = skeinError("FabricClosed", "EIO at fdatasync")
      for (let shard = 0; shard < 4; shard++) {
        journal.refusing.set(shard, eio)
        journal.unopenable.set(shard, eio)
      }
      const queue = { shard: 1, generation: 1 }
      yield* publish(node, queue, 1)
      journal.fail(eio)
      expect(yield* failureOf(node)).toContain("EIO at fdatasync")
      expect(node.core.isShardOpen(0)).toBe(false)
    }),
  )

  it.scoped("ends when a shard cannot be opened again and again", () =>
    Effect.gen(function* () {
      const { journal, options } = setup(2)
      const node = yield* makeNode(options)
      const queue = yield* queueElsewhere(node)
      const no = skeinError("InternalError", "no")
      journal.refusing.set(1, no)
      journal.unopenable.set(1, no)
      yield* publish(node, queue, 1)
      expect(yield* failureOf(node)).toContain("restarts")
    }),
  )

  it.scoped("ends, and claims nothing back, when another process has taken a shard", () =>
    Effect.gen(function* () {
      const { options, tokens } = setup()
      const node = yield* makeNode(options)
      const queue = yield* queueElsewhere(node)
      const { epoch } = tokens.take(queue.shard, "2".repeat(32))
      expect(yield* publish(node, queue, 1)).toBe("Moved")
      expect(yield* failureOf(node)).toContain("another owner")
      expect(tokens.holder(queue.shard)).toEqual({ epoch, instance: "2".repeat(32) })
    }),
  )

  it.effect("closes doors first, then shards with a checkpoint each, the catalog's last", () =>
    Effect.gen(function* () {
      const { journal, options } = setup()
      const log: string[] = []
      journal.onClose = (shard) => log.push(`shard ${shard}`)
      const door: Child.Child<DoorFailed> = Child.fiber({
        name: "port",
        start: Effect.acquireRelease(Effect.void, () => Effect.sync(() => log.push("port"))),
        run: () => Effect.never,
      })
      const scope = yield* Scope.make()
      const node = yield* Scope.extend(makeNode({ ...options, doors: () => [door] }), scope)
      const queue = yield* declare(node, "q")
      expect(yield* publish(node, queue, 1)).toBe("ok")
      yield* Scope.close(scope, Exit.void)
      expect(log).toEqual(["port", "shard 3", "shard 2", "shard 1", "shard 0"])
      expect(yield* publish(node, queue, 2)).toBe("ShardUnavailable")
      expect((options.clock as ManualClock).timers).toBe(0)
    }),
  )
})
