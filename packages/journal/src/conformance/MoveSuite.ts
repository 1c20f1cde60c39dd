/** Owns: what every Journal does when a shard moves from one process to another as planned. */
import { strict as assert } from "node:assert"
import type { FollowedShard, Journal } from "../Journal.js"
import { commitModel, modelRecord, openModel, tag } from "./JournalSuite.js"
import { ModelTenant } from "./ModelTenant.js"
import type { Case, MoveDriver } from "./Suite.js"

const body = (length: number, fill: number) => new Uint8Array(length).fill(fill)

const follow = async (journal: Journal, shard: number): Promise<[FollowedShard, ModelTenant]> => {
  const followed = await journal.follow(shard)
  return [followed, await ModelTenant.follow(followed)]
}

export const moveSuite: readonly Case<MoveDriver>[] = [
  {
    name: "a follower reads on, is given the token and goes on where the owner has ended",
    run: async ({ open }) => {
      const [source, target] = [await open(), await open()]
      const old = await openModel(source, 0)
      await commitModel(source, old, modelRecord("a", [[1, 1, body(10, 1)]]))
      const [followed, next] = await follow(target, 0)
      assert.equal(next.history, "a;")
      await commitModel(source, old, modelRecord("b", [[1, 2, body(20, 2)]]))
      assert.ok((await followed.behindBytes()) > 0)
      await next.catchUp(followed)
      assert.equal(next.history, "a;b;")
      assert.equal(await followed.behindBytes(), 0)
      await commitModel(source, old, modelRecord("c", [[1, 3, body(30, 3)]], [[1, 1]]))
      const epoch = await old.opened.handTo(target.instance)
      assert.ok(epoch > old.opened.epoch)
      await next.openFollowed(followed, epoch)
      assert.equal(next.opened.epoch, epoch)
      assert.equal(next.history, "a;b;c;")
      const bodies = [
        ["1/2", body(20, 2)],
        ["1/3", body(30, 3)],
      ] as const
      assert.deepEqual(await next.readAll(), new Map(bodies))
      await commitModel(target, next, modelRecord("d"))
      const back = await openModel(source, 0)
      assert.equal(back.history, "a;b;c;d;")
      assert.deepEqual(await back.readAll(), new Map(bodies))
    },
  },
  {
    name: "the giver commits nothing any more, and its other shards go on",
    run: async ({ open }) => {
      const [source, target] = [await open(), await open()]
      const given = await openModel(source, 0)
      const kept = await openModel(source, 1)
      await commitModel(source, given, modelRecord("a"))
      await follow(target, 0)
      await given.opened.handTo(target.instance)
      const results = await source.commit([
        { shard: 0, epoch: given.opened.epoch, records: [modelRecord("x")] },
        { shard: 1, epoch: kept.opened.epoch, records: [modelRecord("k")] },
      ])
      assert.deepEqual(
        results.map((result) => result._tag),
        ["Fenced", "Committed"],
      )
      assert.equal(await tag(given.opened.handTo(target.instance)), "Moved")
      assert.equal(given.closedBy, undefined)
      assert.equal((await openModel(target, 0)).history, "a;")
    },
  },
  {
    name: "the owner makes room and publishes checkpoints meanwhile",
    run: async ({ open, clean }) => {
      const [source, target] = [await open(), await open()]
      const old = await openModel(source, 0)
      const commit = async (from: number, to: number) => {
        for (let n = from; n < to; n++) {
          const drop = n % 3 === 0 ? [] : ([[1, n - 3]] as const)
          await commitModel(source, old, modelRecord(`${n}`, [[1, n, body(9_000, n)]], drop))
        }
      }
      await commit(1, 30)
      await clean(source)
      await commit(30, 40)
      const [followed, next] = await follow(target, 0)
      for (const from of [40, 70, 100]) {
        await commit(from, from + 30)
        await next.catchUp(followed)
        await clean(source)
      }
      await commit(130, 135)
      await next.openFollowed(followed, await old.opened.handTo(target.instance))
      assert.equal(next.history, old.history)
      const bodies = await next.readAll()
      assert.deepEqual([...bodies.keys()].sort(), [...old.frames.keys()].sort())
      for (const [key, bytes] of bodies) assert.equal(bytes[0], Number(key.split("/")[1]) % 256)
      await clean(target)
      await clean(source)
      assert.deepEqual(await next.readAll(), bodies)
      await next.opened.close()
      const again = await openModel(source, 0)
      assert.equal(again.history, old.history)
      assert.deepEqual(await again.readAll(), bodies)
    },
  },
  {
    name: "a target that dies with the token loses nothing: anybody takes the shard over",
    run: async ({ open, kill }) => {
      const [source, target] = [await open(), await open()]
      const old = await openModel(source, 0)
      await commitModel(source, old, modelRecord("a", [[1, 1, body(10, 1)]]))
      await follow(target, 0)
      await old.opened.handTo(target.instance)
      await kill(target)
      const back = await openModel(source, 0)
      assert.equal(back.history, "a;")
      assert.deepEqual(await back.readAll(), new Map([["1/1", body(10, 1)]]))
      await commitModel(source, back, modelRecord("b"))
    },
  },
  {
    name: "without the token nothing is opened, and following goes on",
    run: async ({ open }) => {
      const [source, target] = [await open(), await open()]
      const old = await openModel(source, 0)
      await commitModel(source, old, modelRecord("a"))
      const [followed, next] = await follow(target, 0)
      assert.equal(await tag(followed.open(old.opened.epoch + 1)), "Moved")
      await commitModel(source, old, modelRecord("b"))
      await next.catchUp(followed)
      assert.equal(next.history, "a;b;")
      await followed.close()
      await followed.close()
      assert.equal(await tag(followed.behindBytes()), "ShardUnavailable")
    },
  },
  {
    name: "a shard that nobody else owns is not followed",
    run: async ({ open }) => {
      const [source, target] = [await open(), await open()]
      assert.equal(await tag(target.follow(0)), "ShardUnavailable")
      await openModel(source, 0)
      assert.equal(await tag(source.follow(0)), "ShardUnavailable")
    },
  },
  {
    name: "a shard that was taken from its owner cannot be handed on",
    run: async ({ open }) => {
      const [source, target] = [await open(), await open()]
      const old = await openModel(source, 0)
      await commitModel(source, old, modelRecord("a"))
      const taken = await openModel(target, 0)
      assert.equal(await tag(old.opened.handTo(target.instance)), "Moved")
      await commitModel(target, taken, modelRecord("b"))
    },
  },
  {
    name: "there and back again, over and over",
    run: async ({ open, clean }) => {
      const journals = [await open(), await open(), await open()]
      let tenant = await openModel(journals[0], 0)
      let at = 0
      for (let n = 1; n <= 24; n++) {
        const record = (text: string, first: number) =>
          modelRecord(text, [[1, first, body(7_000, first)]], first > 4 ? [[1, first - 4]] : [])
        await commitModel(journals[at], tenant, record(`a${n}`, 2 * n - 1))
        const to = (at + 1 + (n % 2)) % journals.length
        const [followed, next] = await follow(journals[to], 0)
        if (n % 4 === 0) await clean(journals[at])
        await commitModel(journals[at], tenant, record(`b${n}`, 2 * n))
        await next.openFollowed(followed, await tenant.opened.handTo(journals[to].instance))
        assert.equal(next.history, tenant.history)
        assert.equal((await next.readAll()).size, tenant.frames.size)
        if (n % 5 === 0) await clean(journals[to])
        ;[tenant, at] = [next, to]
      }
    },
  },
]
