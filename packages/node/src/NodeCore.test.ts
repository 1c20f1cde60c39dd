import { limits, type SkeinError, skeinError } from "@skein/model"
import { type Event, encodeEvents, isDurable } from "@skein/queue"
import type { QueueInfo } from "@skein/wire"
import { describe, expect, it } from "vitest"
import { bodiesOf, frameOf, producer, Rig, session } from "./testing/Rig.js"

const other = "6".repeat(32)
const tagOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "ok",
    (error: SkeinError) => error._tag,
  )

describe("NodeCore: the way of a message", () => {
  it("publishes, delivers in order and settles", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a", "b")
    await rig.publish(queue, "c")
    const runs = await rig.fetch(queue).delivered
    expect(bodiesOf(runs)).toEqual(["a", "b", "c"])
    expect(await rig.counts(queue)).toMatchObject({ ready: 0, leased: 3, total: 3 })
    const { epoch, attempt } = runs[0]
    const settles = [{ outcome: "ack" as const, epoch, attempt, ranges: [1, 3] }]
    expect(await rig.core.broker.settle({ queue, session, settles })).toEqual([])
    expect(await rig.counts(queue)).toMatchObject({ total: 0, acked: 3 })
    expect(rig.journal.reserved).toBe(0)
    expect([...rig.journal.released.values()]).toEqual([1, 1])
  })

  it("keeps what was confirmed over a crash and flags what was handed out", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a", "b")
    await rig.fetch(queue, { messagesMax: 1 }).delivered
    await rig.crash()
    const runs = await rig.fetch(queue).delivered
    expect(bodiesOf(runs)).toEqual(["a", "b"])
    expect(runs.every((run) => run.redelivered)).toBe(true)
  })

  it("answers a waiting fetch when messages come, and its settles before that", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    const call = rig.fetch(queue, { waitMs: 5_000 })
    expect(await call.settled).toEqual([])
    await rig.publish(queue, "a")
    expect(bodiesOf(await call.delivered)).toEqual(["a"])
  })

  it("answers a fetch with nothing when its wait is over", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    const call = rig.fetch(queue, { waitMs: 5_000 })
    await call.settled
    await rig.advance(5_100)
    expect(await call.delivered).toEqual([])
  })

  it("counts the load of a shard: in and out, what waits, how long confirms took", async () => {
    const rig = await Rig.open(1)
    rig.core.loads()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a", "b", "c", "d")
    await rig.fetch(queue, { messagesMax: 1 }).delivered
    await rig.advance(2_000)
    const [load] = rig.core.loads()
    expect(load).toMatchObject({ shard: 0, messagesPerSecond: 2.5, depth: 3 })
    expect(load.bytesPerSecond).toBeCloseTo((frameOf(["a", "b", "c", "d"]).length * 1.25) / 2, 5)
    expect(load.confirmP99Ms).toBeGreaterThan(0)
    await rig.core.admin.purge("q")
    await rig.advance(1_000)
    expect(rig.core.loads()).toMatchObject([{ messagesPerSecond: 0, depth: 0, confirmP99Ms: 0 }])
    expect(await rig.core.admin.shardLoads()).toMatchObject({ loads: [{ shard: 0, depth: 0 }] })
  })

  it("a queue that is opened again or deleted changes what waits in its shard", async () => {
    const rig = await Rig.open(1)
    await rig.publish(await rig.declare("q"), "a", "b", "c")
    await rig.publish(await rig.declare("other"), "d")
    await rig.crash()
    await rig.advance(1_000)
    expect(rig.core.loads()[0].depth).toBe(4)
    await rig.core.admin.delete("q")
    await rig.advance(1_000)
    expect(rig.core.loads()[0].depth).toBe(1)
  })

  it("stores a frame above the batch bound", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q", { bodyBytesMax: limits.bodyBytesMax })
    const body = new Uint8Array(limits.batchBytesMax + 1000)
    body[0] = 0xc0
    const frame = new Uint8Array(16 + 4 + body.length)
    const view = new DataView(frame.buffer)
    frame[0] = 1
    view.setUint16(2, 1, true)
    view.setUint32(4, 4, true)
    view.setUint32(8, body.length, true)
    view.setUint32(16, body.length, true)
    frame.set(body, 20)
    const big = rig.core.broker.publish({ queue, producer, frameNumber: 1, frame })
    const small = rig.publishAs(queue, producer, 2, ["small"])
    expect((await big).first).toBe(1)
    expect((await small).first).toBe(2)
  })
})

describe("NodeCore: fetches", () => {
  it("leases nothing to a fetch that was cancelled before its actor was found", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    const call = rig.fetch(queue, { waitMs: 5_000 })
    call.cancel()
    expect(await call.delivered).toEqual([])
    expect(await call.settled).toEqual([])
    await rig.core.broker.openSession(other, 30_000)
    await rig.publish(queue, "a")
    expect(await rig.take(queue, { session: other })).toEqual(["a"])
  })

  it("settles all the same when the fetch was cancelled at once", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a", "b")
    const [run] = await rig.fetch(queue, { messagesMax: 1 }).delivered
    const ack = { outcome: "ack" as const, epoch: run.epoch, attempt: 0, ranges: [1, 1] }
    const call = rig.fetch(queue, { settles: [ack] })
    call.cancel()
    expect(await call.settled).toEqual([])
    expect(await call.delivered).toEqual([])
    expect(await rig.counts(queue)).toMatchObject({ ready: 1, leased: 0, acked: 1 })
  })

  it("gives a cancelled fetch what was leased to it before the cancel", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a")
    rig.journal.hold()
    const call = rig.fetch(queue, { waitMs: 5_000 })
    await rig.settled()
    call.cancel()
    rig.journal.let()
    expect(bodiesOf(await call.delivered)).toEqual(["a"])
  })

  it("does not end a repeated fetch when the older call of that number is cancelled", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "x")
    await rig.take(queue)
    const older = rig.fetch(queue, { fetchNumber: 2, waitMs: 5_000 })
    await older.settled
    const newer = rig.fetch(queue, { fetchNumber: 2, waitMs: 5_000 })
    await newer.settled
    expect(await older.delivered).toEqual([])
    older.cancel()
    await rig.publish(queue, "a")
    expect(bodiesOf(await newer.delivered)).toEqual(["a"])
  })

  it("gives a repeat of an answered fetch the same deliveries", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a", "b")
    expect(await rig.take(queue, { fetchNumber: 1, messagesMax: 1 })).toEqual(["a"])
    expect(await rig.take(queue, { fetchNumber: 1, messagesMax: 1 })).toEqual(["a"])
    expect(await rig.take(queue, { fetchNumber: 2 })).toEqual(["b"])
  })

  it("leaves no waiter behind when it is refused", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    const calls = []
    for (let at = 0; at < limits.fetchesInFlightPerSessionMax + 3; at++) {
      calls.push(rig.fetch(queue, { waitMs: 5_000 }))
    }
    await rig.settled()
    const refused = await Promise.all(calls.slice(-3).map((call) => tagOf(call.delivered)))
    expect(refused).toEqual(["LimitExceeded", "LimitExceeded", "LimitExceeded"])
    expect(rig.core.waitingFetches).toBe(limits.fetchesInFlightPerSessionMax)
    for (const call of calls) call.cancel()
    await rig.settled()
    expect(rig.core.waitingFetches).toBe(0)
  })

  it("refuses what has no sense, without a fault", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    expect(await tagOf(rig.fetch(queue, { fetchNumber: 0 }).delivered)).toBe("ProtocolError")
    expect(await tagOf(rig.fetch(queue, { messagesMax: 0 }).delivered)).toBe("ProtocolError")
    expect(await tagOf(rig.fetch(queue, { bytesMax: Number.NaN }).settled)).toBe("ProtocolError")
    expect(await tagOf(rig.publishAs(queue, "no", 1, ["a"]))).toBe("ProtocolError")
    expect(await tagOf(rig.publishAs(queue, producer, 0.5, ["a"]))).toBe("ProtocolError")
    expect(rig.faults).toEqual([])
  })

  it("leaves nothing of a session that ends before its fetch has its turn", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a")
    const call = rig.fetch(queue)
    await rig.core.broker.closeSession(session)
    await call.delivered
    await rig.settled()
    expect(await rig.counts(queue)).toMatchObject({ ready: 1, leased: 0, sessions: 0 })
  })

  it("knows no session that was never opened, and creates no queue for it", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    expect(await tagOf(rig.fetch(queue, { session: other }).delivered)).toBe("SessionUnknown")
  })
})

describe("NodeCore: shards that end", () => {
  it("gives what is in flight a retryable error when a shard is refused", async () => {
    const rig = await Rig.open()
    const [queue, safe] = await twoShards(rig)
    await rig.publish(queue, "a")
    const waiting = rig.fetch(queue, { waitMs: 5_000, fetchNumber: 9 })
    await rig.take(queue, { fetchNumber: 8 })
    rig.journal.refusing.set(queue.shard, skeinError("InternalError", "no"))
    const publish = rig.publish(queue, "b")
    const inSafe = rig.publish(safe, "c")
    expect(await publish.catch((error: SkeinError) => error)).toMatchObject({ retryable: true })
    expect(await waiting.delivered.catch((error: SkeinError) => error)).toMatchObject({
      retryable: true,
    })
    expect((await inSafe).first).toBe(1)
    expect(rig.core.isShardOpen(queue.shard)).toBe(false)
    expect(await tagOf(rig.publish(queue, "d"))).toBe("ShardUnavailable")
    expect(rig.journal.reserved).toBe(0)

    rig.journal.refusing.clear()
    await rig.core.closeShard(queue.shard)
    await rig.core.openShard(queue.shard)
    expect(await rig.take(queue)).toEqual(["a"])
  })

  it("survives a journal whose commit throws or rejects", async () => {
    for (const next of ["throw", "reject"] as const) {
      const rig = await Rig.open()
      const queue = await rig.declare("q")
      await rig.publish(queue, "a")
      rig.journal.next = next
      expect(await tagOf(rig.publish(queue, "b"))).toBe("ShardUnavailable")
      await rig.core.closeShard(queue.shard)
      await rig.core.openShard(queue.shard)
      expect(await rig.take(queue)).toEqual(["a"])
      expect(rig.journal.reserved).toBe(0)
    }
  })

  it("answers waiting fetches when a shard is closed, and does not wait for them", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    const call = rig.fetch(queue, { waitMs: 5_000 })
    await call.settled
    await rig.core.closeShard(queue.shard)
    expect(await tagOf(call.delivered)).toBe("ShardUnavailable")
  })

  it("closes a shard although clients go on asking", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    let refusals = 0
    let closed = false
    const client = (async () => {
      while (!closed || refusals === 0) {
        await rig.publish(queue, "x").catch(() => {
          refusals += 1
        })
      }
    })()
    await rig.core.closeShard(queue.shard)
    closed = true
    await client
    expect(refusals).toBeGreaterThan(0)
  })

  it("does not give a refused shard's handle a checkpoint on the way out", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a")
    rig.journal.refusing.set(queue.shard, skeinError("InternalError", "no"))
    const publish = tagOf(rig.publish(queue, "b"))
    await rig.core.closeShard(queue.shard)
    expect(await publish).toBe("ShardUnavailable")
    rig.journal.refusing.clear()
    await rig.core.openShard(queue.shard)
    expect(await rig.take(queue)).toEqual(["a"])
  })

  it("ends a session in the queue of a shard that was opened again", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a")
    await rig.take(queue)
    await rig.core.closeShard(queue.shard)
    await rig.core.openShard(queue.shard)
    expect(await rig.take(queue, { fetchNumber: 9 })).toEqual(["a"])
    await rig.core.broker.closeSession(session)
    await rig.settled()
    expect(await rig.counts(queue)).toMatchObject({ ready: 1, leased: 0, sessions: 0 })
  })

  it("tells its status while the catalog's shard is closed", async () => {
    const rig = await Rig.open()
    await rig.declare("q")
    await rig.core.closeShard(0)
    expect(await rig.core.admin.status()).toMatchObject({ shardsOpen: 3 })
    expect(await tagOf(rig.core.admin.lookup("q"))).toBe("ShardUnavailable")
  })

  it("opens a shard without the catalog, and erases the doomed when it is back", async () => {
    const rig = await Rig.open()
    const [queue] = await twoShards(rig)
    await rig.publish(queue, "a")
    await rig.core.closeShard(queue.shard)
    expect(await tagOf(rig.core.admin.delete(queue.name))).toBe("ShardUnavailable")
    await rig.core.closeShard(0)
    await rig.core.openShard(queue.shard)
    expect(await rig.take(queue)).toEqual(["a"])
    await rig.core.openShard(0)
    await rig.settled()
    expect(await tagOf(rig.publish(queue, "b"))).toBe("QueueNotFound")
  })
})

describe("NodeCore: deletes", () => {
  it("answers everybody, confirms what was stored and gives each frame back once", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    await rig.publish(queue, "a")
    const waiting = rig.fetch(queue, { waitMs: 5_000, fetchNumber: 5, session })
    await rig.settled()
    rig.journal.hold()
    const inFlight = tagOf(rig.publish(queue, "b"))
    await rig.settled()
    const deleted = rig.core.admin.delete("q")
    const late = tagOf(rig.publish(queue, "c"))
    await rig.settled()
    rig.journal.let()
    expect(await inFlight).toBe("ok")
    expect(["ok", "QueueNotFound"]).toContain(await late)
    expect(await deleted).toBe(true)
    await tagOf(waiting.delivered)
    expect([...rig.journal.released.values()].every((times) => times === 1)).toBe(true)
    expect(rig.store.shard(queue.shard).bytes).toBeLessThan(3_000)
    expect(rig.journal.reserved).toBe(0)
    expect(await tagOf(rig.publish(queue, "d"))).toBe("QueueNotFound")
    await rig.crash()
    expect(await tagOf(rig.publish(queue, "e"))).toBe("QueueNotFound")
    const again = await rig.declare("q")
    expect(again.generation).toBeGreaterThan(queue.generation)
    expect(await rig.take(again)).toEqual([])
  })

  it("never buries a queue that its shard has not durably deleted", async () => {
    const rig = await Rig.open()
    const [queue] = await twoShards(rig)
    await rig.publish(queue, "a")
    rig.journal.refusing.set(queue.shard, skeinError("InternalError", "no"))
    expect(await tagOf(rig.core.admin.delete(queue.name))).toBe("ShardUnavailable")
    rig.journal.refusing.clear()
    await rig.core.closeShard(queue.shard)
    const before = rig.journal.commits
    await rig.core.openShard(queue.shard)
    await rig.settled()
    // Opened, removed, buried: the doomed queue was still known and is erased now.
    expect(rig.journal.commits).toBeGreaterThan(before + 1)
    await rig.core.closeShard(queue.shard)
    await rig.core.openShard(queue.shard)
    expect(rig.core.digests(queue.shard).size).toBe(0)
  })

  it("erases at the next start what a crash left between catalog and shard", async () => {
    const rig = await Rig.open()
    const [queue] = await twoShards(rig)
    await rig.publish(queue, "a")
    await rig.core.closeShard(queue.shard)
    await tagOf(rig.core.admin.delete(queue.name))
    await rig.crash()
    await rig.settled()
    expect(rig.core.digests(queue.shard).size).toBe(0)
  })

  it("does not create a queue on first use that is deleted at the same time", async () => {
    for (let lead = 0; lead < 12; lead++) {
      const rig = await Rig.open(1)
      const queue = await rig.declare("q")
      const deleted = rig.core.admin.delete("q")
      for (let step = 0; step < lead; step++) await Promise.resolve()
      const published = tagOf(rig.publish(queue, "a"))
      expect(await deleted).toBe(true)
      expect(["ok", "QueueNotFound"]).toContain(await published)
      await rig.settled()
      expect(rig.core.digests(0).size).toBe(0)
    }
  })

  it("does not create a queue whose look-up came before the delete", async () => {
    for (let lead = 0; lead < 12; lead++) {
      const rig = await Rig.open(1)
      const queue = await rig.declare("q")
      const published = tagOf(rig.publish(queue, "a"))
      for (let step = 0; step < lead; step++) await Promise.resolve()
      expect(await rig.core.admin.delete("q")).toBe(true)
      expect(["ok", "QueueNotFound"]).toContain(await published)
      await rig.settled()
      expect(rig.core.digests(0).size).toBe(0)
    }
  })
})

describe("NodeCore: no room", () => {
  it("refuses publishes and first uses, and serves when there is room again", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q")
    const used = await rig.declare("used")
    await rig.publish(used, "a")
    rig.journal.full = true
    expect(await tagOf(rig.publishAs(queue, producer, 1, ["a"]))).toBe("DiskFull")
    expect(await tagOf(rig.publishAs(used, producer, 2, ["b"]))).toBe("DiskFull")
    expect(await rig.core.admin.list()).toMatchObject({ queues: [{ name: "q" }, { name: "used" }] })
    rig.journal.full = false
    expect((await rig.publishAs(queue, producer, 1, ["a"])).first).toBe(1)
    expect((await rig.publishAs(used, producer, 2, ["b"])).first).toBe(2)
  })

  it("tries again later what time or a session's end asks for, without spinning", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q", { leaseMs: 1_000 })
    await rig.publish(queue, "a", "b")
    await rig.core.broker.openSession(other, 2_000)
    await rig.take(queue, { messagesMax: 1 })
    await rig.take(queue, { messagesMax: 1, session: other })
    rig.journal.full = true
    await rig.core.broker.closeSession(other)
    const before = rig.journal.commits
    for (let step = 0; step < 30; step++) await rig.advance(100)
    expect(rig.journal.commits - before).toBeLessThan(12)
    rig.journal.full = false
    for (let step = 0; step < 12; step++) await rig.advance(100)
    expect(await rig.counts(queue)).toMatchObject({ ready: 2, leased: 0, sessions: 1 })
  })

  it("opens every queue under its new epoch even then", async () => {
    const rig = await Rig.open(1)
    const queue = await rig.declare("q")
    await rig.publish(queue, "a")
    await rig.core.closeShard(0)
    rig.journal.full = true
    await rig.core.openShard(0)
    rig.journal.full = false
    const [run] = await rig.fetch(queue, { fetchNumber: 7 }).delivered
    const ack = { outcome: "ack" as const, epoch: run.epoch, attempt: run.attempt, ranges: [1, 1] }
    expect(await rig.core.broker.settle({ queue, session, settles: [ack] })).toEqual([])
  })
})

describe("NodeCore: time", () => {
  it("sets one timer for all leases and waits of a shard", async () => {
    const rig = await Rig.open(1)
    const idle = rig.clock.timers
    for (const name of ["a", "b", "c"]) {
      const queue = await rig.declare(name)
      await rig.publish(queue, "x")
      await rig.take(queue)
      await rig.fetch(queue, { waitMs: 20_000 }).settled
    }
    // One of the shard, and one that sweeps sessions.
    expect(rig.clock.timers).toBe(idle + 2)
    await rig.advance(31_000)
    await rig.advance(1_000)
    await rig.core.broker.closeSession(session)
    await rig.advance(1_000)
    expect(rig.clock.timers).toBe(idle)
  })

  it("lets a lease run out that ends before the one the timer was set for", async () => {
    const rig = await Rig.open(1)
    const slow = await rig.declare("slow", { leaseMs: 60_000 })
    const quick = await rig.declare("quick", { leaseMs: 2_000 })
    await rig.core.broker.openSession(session, 100_000)
    for (const queue of [slow, quick]) {
      await rig.publish(queue, "x")
      await rig.take(queue)
    }
    await rig.advance(2_100)
    expect(await rig.counts(quick)).toMatchObject({ ready: 1, failed: 1 })
    expect(await rig.counts(slow)).toMatchObject({ leased: 1 })
    await rig.advance(58_000)
    expect(await rig.counts(slow)).toMatchObject({ ready: 1, failed: 1 })
  })
})

describe("NodeCore: stalls", () => {
  it("gives a stall back to leases and sessions before any of them ends", async () => {
    const rig = await Rig.open()
    const queue = await rig.declare("q", { leaseMs: 10_000 })
    await rig.core.broker.openSession(session, 10_000)
    await rig.publish(queue, "a")
    await rig.take(queue)
    await rig.advance(499)
    rig.clock.stall(60_000)
    await rig.advance(1_000)
    expect(await rig.counts(queue)).toMatchObject({ leased: 1, failed: 0, sessions: 1 })
    expect(await tagOf(rig.fetch(queue).delivered)).toBe("ok")
  })
})

describe("NodeCore: a queue that is set aside", () => {
  it("is told by show and status, and hinders no other queue of its shard", async () => {
    const rig = await Rig.open(1)
    const queue = await rig.declare("bad")
    const good = await rig.declare("good")
    await rig.publish(queue, "a")
    await rig.publish(good, "b")
    rig.journal.unreadable.add(`${queue.generation}:1`)
    expect(await tagOf(rig.fetch(queue).delivered)).toBe("Quarantined")
    expect(await tagOf(rig.publish(queue, "c"))).toBe("Quarantined")
    expect(await rig.core.admin.show("bad")).toMatchObject({ state: "quarantined" })
    const { tree } = await rig.core.admin.status()
    expect(tree).toMatchObject([{ path: "node/shards/s000/bad", state: "quarantined" }])
    expect(await rig.take(good)).toEqual(["b"])
    rig.journal.unreadable.clear()
    await rig.crash()
    expect(await rig.take(queue)).toEqual(["a"])
  })

  it("keeps its records over a clean restart, in which it is aside again", async () => {
    const rig = await Rig.open(2)
    const [queue] = await twoShards(rig, 2)
    const good = await inShard(rig, queue.shard)
    await rig.publish(queue, "a")
    await rig.publish(good, "b")
    await rig.settled()
    await rig.core.closeShard(queue.shard)
    // A record that nobody can apply, as a defect would have written it.
    const opened = await rig.journal.openShard(queue.shard)
    const bad: Event = { _tag: "Ended", outcome: "ack", ranges: [5, 6] }
    const events = sectionOf(queue.generation, [bad])
    const record = { journalMs: 1, events, frames: [] }
    // What follows it cannot be understood, but is not lost either.
    const frame = { generation: queue.generation, first: 9, bytes: frameOf(["later"]) }
    const records = [record, { journalMs: 2, events, frames: [frame] }]
    const [stored] = await rig.journal.commit([
      { shard: queue.shard, epoch: opened.epoch, records },
    ])
    const [location] = stored._tag === "Committed" ? stored.locations : []
    for (let round = 0; round < 3; round++) {
      await rig.core.openShard(queue.shard)
      expect(await rig.core.admin.show(queue.name)).toMatchObject({ state: "quarantined" })
      expect(await rig.core.admin.show(good.name)).toMatchObject({ state: "serving" })
      await rig.core.closeShard(queue.shard)
    }
    const { read } = await rig.journal.openShard(queue.shard)
    expect(await read(frame, location, frame.bytes.length)).toEqual(frame.bytes)
    await rig.core.openShard(queue.shard)
    expect(await rig.take(good)).toEqual(["b"])
    expect(await rig.core.admin.delete(queue.name)).toBe(true)
    await rig.crash()
    expect(rig.core.digests(queue.shard).size).toBe(1)
    expect((await rig.core.admin.status()).tree).toEqual([])
  })
})

describe("NodeCore: the catalog", () => {
  it("spreads queues that are declared at the same time over the shards", async () => {
    const rig = await Rig.open(4)
    const declares = Array.from({ length: 40 }, (_, at) => rig.core.admin.declare(`q${at}`))
    const perShard = new Map<number, number>()
    for (const { shard } of await Promise.all(declares)) {
      perShard.set(shard, (perShard.get(shard) ?? 0) + 1)
    }
    expect([...perShard.values()]).toEqual([10, 10, 10, 10])
  })

  it("answers a repeat of a declare, refuses another policy, lists in pages", async () => {
    const rig = await Rig.open()
    const first = await rig.declare("a", { leaseMs: 5_000 })
    expect(await rig.declare("a", { leaseMs: 5_000 })).toEqual(first)
    expect(await tagOf(rig.declare("a"))).toBe("PolicyMismatch")
    expect(await tagOf(rig.declare("", {}))).toBe("QueueNameInvalid")
    expect(await tagOf(rig.declare("x", { leaseMs: 1 }))).toBe("PolicyInvalid")
    for (const name of ["b", "c", "d"]) await rig.declare(name)
    const page = await rig.core.admin.list({ rowsMax: 2 })
    expect(page.queues.map(({ name }) => name)).toEqual(["a", "b"])
    const rest = await rig.core.admin.list({ after: page.next ?? "" })
    expect(rest.queues.map(({ name }) => name)).toEqual(["c", "d"])
    expect(await tagOf(rig.core.admin.list({ rowsMax: Number.NaN }))).toBe("LimitExceeded")
    await rig.crash()
    expect(await rig.core.admin.lookup("a")).toEqual(first)
    expect(await rig.core.admin.delete("nothing")).toBe(false)
  })
})

/** An event list as it lies in a record of a shard. */
const sectionOf = (generation: number, events: readonly Event[]): Uint8Array => {
  const bytes = encodeEvents(events.filter(isDurable).map((event) => ({ generation, event })))
  const section = new Uint8Array(13 + bytes.length)
  const view = new DataView(section.buffer)
  view.setFloat64(0, generation, true)
  view.setUint32(9, bytes.length, true)
  section.set(bytes, 13)
  return section
}

const inShard = async (rig: Rig, shard: number): Promise<QueueInfo> => {
  for (let at = 0; ; at++) {
    const queue = await rig.declare(`in${at}`)
    if (queue.shard === shard) return queue
  }
}

/** Two queues outside of the catalog's shard, in different ones. */
const twoShards = async (
  rig: Rig,
  shards = rig.shards,
): Promise<readonly [QueueInfo, QueueInfo]> => {
  const found: QueueInfo[] = []
  for (let at = 0; found.length < 2; at++) {
    const queue = await rig.declare(`t${at}`)
    if (queue.shard === 0 || (shards > 2 && queue.shard === found[0]?.shard)) continue
    found.push(queue)
  }
  return [found[0], found[1]]
}

it("frames of the rig are frames", () => {
  expect(frameOf(["a"]).length).toBeGreaterThan(16)
})
