/** Owns: what every Journal does, whatever it stores to. */
import { strict as assert } from "node:assert"
import { isSkeinError } from "@skein/model"
import type { Journal, ShardRecord } from "../Journal.js"
import { encodeEvent, ModelTenant } from "./ModelTenant.js"
import type { Case, JournalDriver } from "./Suite.js"

export const modelRecord = (
  text: string,
  frames: readonly (readonly [generation: number, first: number, body: Uint8Array])[] = [],
  drop: readonly (readonly [generation: number, first: number])[] = [],
): ShardRecord => ({
  journalMs: 1_000,
  events: encodeEvent({
    text,
    drop: drop.map(([generation, first]) => ({ generation, first })),
  }),
  frames: frames.map(([generation, first, bytes]) => ({ generation, first, bytes })),
})

/** Commits records to one shard and expects that they are confirmed. */
export const commitModel = async (
  journal: Journal,
  tenant: ModelTenant,
  ...records: readonly ShardRecord[]
): Promise<void> => {
  for (const record of records) tenant.evolve(record)
  const { shard, epoch } = tenant.opened
  const [result] = await journal.commit([{ shard, epoch, records }])
  assert.equal(result._tag, "Committed", JSON.stringify(result))
  if (result._tag !== "Committed") return
  assert.equal(result.recordNumber, tenant.recordNumber)
  tenant.placed(records, result.locations)
}

export const openModel = async (journal: Journal, shard: number) =>
  ModelTenant.open(await journal.openShard(shard))

const body = (length: number, fill: number) => new Uint8Array(length).fill(fill)

/** What it rejects with. */
export const tag = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return "fulfilled"
  } catch (error) {
    return isSkeinError(error) ? error._tag : String(error)
  }
}

export const journalSuite: readonly Case<JournalDriver>[] = [
  {
    name: "a new shard is empty",
    run: async ({ open }) => {
      const journal = await open()
      const opened = await journal.openShard(3)
      assert.equal(opened.shard, 3)
      assert.equal(opened.checkpoint.recordNumber, 0)
      const tenant = await ModelTenant.open(opened)
      assert.equal(tenant.recordNumber, 0)
      await journal.close()
    },
  },
  {
    name: "records and frames come back after a kill, in order",
    run: async ({ open, kill }) => {
      const journal = await open()
      const tenant = await openModel(journal, 0)
      await commitModel(journal, tenant, modelRecord("a", [[1, 1, body(10, 1)]]), modelRecord("b"))
      const two = modelRecord("c", [
        [1, 5, body(70_000, 2)],
        [2, 1, body(0, 0)],
      ])
      await commitModel(journal, tenant, two)
      await kill(journal)
      const again = await openModel(await open(), 0)
      assert.equal(again.history, "a;b;c;")
      assert.deepEqual(
        await again.readAll(),
        new Map([
          ["1/1", body(10, 1)],
          ["1/5", body(70_000, 2)],
          ["2/1", body(0, 0)],
        ]),
      )
    },
  },
  {
    name: "a clean close leaves a checkpoint and nothing to replay",
    run: async ({ open }) => {
      const journal = await open()
      const tenant = await openModel(journal, 0)
      await commitModel(journal, tenant, modelRecord("a", [[1, 1, body(9, 7)]]), modelRecord("b"))
      await tenant.opened.close()
      await journal.close()
      const opened = await (await open()).openShard(0)
      assert.equal(opened.checkpoint.recordNumber, 2)
      const again = await ModelTenant.open(opened)
      assert.equal(again.history, "a;b;")
      assert.deepEqual(await again.readAll(), new Map([["1/1", body(9, 7)]]))
    },
  },
  {
    name: "opening again in the same process: a new epoch, the old handle commits nothing",
    run: async ({ open }) => {
      const journal = await open()
      const old = await openModel(journal, 0)
      await commitModel(journal, old, modelRecord("a"))
      const fresh = await openModel(journal, 0)
      assert.ok(fresh.opened.epoch > old.opened.epoch)
      assert.equal(fresh.history, "a;")
      const { shard, epoch } = old.opened
      const [result] = await journal.commit([{ shard, epoch, records: [modelRecord("x")] }])
      assert.equal(result._tag, "Fenced")
      await commitModel(journal, fresh, modelRecord("b"))
      assert.equal((await openModel(journal, 0)).history, "a;b;")
    },
  },
  {
    name: "a rival that takes one shard fences it, and the others go on",
    run: async ({ open, rival }) => {
      const journal = await open()
      const lost = await openModel(journal, 0)
      const kept = await openModel(journal, 1)
      await commitModel(journal, lost, modelRecord("a", [[1, 1, body(5, 5)]]))
      const other = await rival()
      const taken = await openModel(other, 0)
      assert.equal(taken.history, "a;")
      const results = await journal.commit([
        { shard: 0, epoch: lost.opened.epoch, records: [modelRecord("x")] },
        { shard: 1, epoch: kept.opened.epoch, records: [modelRecord("k")] },
      ])
      assert.deepEqual(
        results.map((result) => result._tag),
        ["Fenced", "Committed"],
      )
      await commitModel(other, taken, modelRecord("b"))
      const back = await openModel(journal, 0)
      assert.equal(back.history, "a;b;")
      assert.deepEqual(await back.readAll(), new Map([["1/1", body(5, 5)]]))
      await other.close()
      await journal.close()
    },
  },
  {
    name: "a commit without records looks at the token all the same",
    run: async ({ open, rival }) => {
      const journal = await open()
      const tenant = await openModel(journal, 0)
      await commitModel(journal, tenant, modelRecord("a"))
      const { epoch } = tenant.opened
      const [kept] = await journal.commit([{ shard: 0, epoch, records: [] }])
      assert.deepEqual(kept, { _tag: "Committed", shard: 0, recordNumber: 1, locations: [] })
      const other = await rival()
      await other.openShard(0)
      const [gone] = await journal.commit([{ shard: 0, epoch, records: [] }])
      assert.equal(gone._tag, "Fenced")
      await other.close()
      await journal.close()
    },
  },
  {
    name: "frames that were dropped are not there after a replay",
    run: async ({ open, kill }) => {
      const journal = await open()
      const tenant = await openModel(journal, 0)
      await commitModel(journal, tenant, modelRecord("a", [[1, 1, body(5, 1)]]))
      await commitModel(journal, tenant, modelRecord("b", [[1, 2, body(5, 2)]], [[1, 1]]))
      await kill(journal)
      const again = await openModel(await open(), 0)
      assert.deepEqual(await again.readAll(), new Map([["1/2", body(5, 2)]]))
    },
  },
  {
    name: "many shards in one commit, over and over, with reopening",
    run: async ({ open, kill }) => {
      let journal = await open()
      const shards = [0, 1, 2, 3, 4, 5, 6, 7]
      let tenants = await Promise.all(shards.map((shard) => openModel(journal, shard)))
      for (let round = 0; round < 30; round++) {
        const records = shards.map((shard) => {
          const frames = [[1, round + 1, body(400 + shard, round)]] as const
          return modelRecord(`${shard}.${round}`, frames, round < 3 ? [] : [[1, round - 2]])
        })
        tenants.forEach((tenant, at) => {
          tenant.evolve(records[at])
        })
        const results = await journal.commit(
          tenants.map(({ opened: { shard, epoch } }, at) => ({
            shard,
            epoch,
            records: [records[at]],
          })),
        )
        results.forEach((result, at) => {
          assert.equal(result._tag, "Committed")
          if (result._tag === "Committed") tenants[at].placed([records[at]], result.locations)
        })
        if (round % 7 !== 6) continue
        if (round % 2 === 0) await journal.close()
        else await kill(journal)
        journal = await open()
        tenants = await Promise.all(shards.map((shard) => openModel(journal, shard)))
      }
      for (const tenant of tenants) {
        const { shard } = tenant.opened
        const texts = Array.from({ length: 30 }, (_, round) => `${shard}.${round};`)
        assert.equal(tenant.history, texts.join(""))
        const bodies = await tenant.readAll()
        assert.deepEqual([...bodies.keys()].sort(), ["1/28", "1/29", "1/30"])
        assert.deepEqual(bodies.get("1/29"), body(400 + shard, 28))
      }
      await journal.close()
    },
  },
  {
    name: "reservations end; what is given back can be taken again; settles get the last part",
    run: async ({ open }) => {
      const journal = await open()
      let taken = 0
      const step = 1024 * 1024 * 1024
      let size = step
      while (size >= 1) {
        while (taken < 2 ** 52 && journal.reserve(size, "publish")) taken += size
        size = Math.floor(size / 2)
      }
      assert.ok(taken > 0)
      assert.equal(journal.reserve(1, "publish"), false)
      assert.equal(journal.reserve(1, "settle"), true)
      journal.unreserve(1 + 1000)
      assert.equal(journal.reserve(1000, "publish"), true)
      assert.equal(journal.reserve(1000, "publish"), false)
      await journal.close()
    },
  },
  {
    name: "a frame that is not there is an error, not other bytes",
    run: async ({ open }) => {
      const journal = await open()
      const tenant = await openModel(journal, 0)
      await commitModel(journal, tenant, modelRecord("a", [[1, 1, body(50, 1)]]))
      const held = tenant.frames.get("1/1")
      assert.ok(held?.location !== undefined)
      const { read } = tenant.opened
      assert.equal(await tag(read({ generation: 9, first: 9 }, 2 ** 50, 50)), "ShardCorrupt")
      assert.deepEqual(await read(held, held.location, 50), body(50, 1))
      await journal.close()
    },
  },
  {
    name: "after close nothing is opened and nothing is confirmed",
    run: async ({ open }) => {
      const journal = await open()
      const tenant = await openModel(journal, 0)
      const { epoch } = tenant.opened
      await journal.close()
      await journal.close()
      assert.equal(await tag(journal.openShard(1)), "FabricClosed")
      const [result] = await journal.commit([{ shard: 0, epoch, records: [modelRecord("x")] }])
      assert.notEqual(result._tag, "Committed")
    },
  },
  {
    name: "status counts commits",
    run: async ({ open }) => {
      const journal = await open()
      const tenant = await openModel(journal, 0)
      const before = journal.status().commits
      await commitModel(journal, tenant, modelRecord("a", [[1, 1, body(1000, 1)]]))
      const after = journal.status()
      assert.equal(after.commits, before + 1)
      assert.ok(after.committedBytes >= 1000)
      assert.ok(["memory", "fdatasync"].includes(after.durability))
      await journal.close()
    },
  },
]
