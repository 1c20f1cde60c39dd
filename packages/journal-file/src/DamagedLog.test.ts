import {
  encodeEvent,
  ModelTenant,
  type OpenedShard,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { describe, expect, it } from "vitest"
import type { FileJournal } from "./FileJournal.js"
import { openSimulated, settle } from "./testkit/openSimulated.js"

const commit = async (
  journal: FileJournal,
  opened: OpenedShard,
  tenant: ModelTenant,
  publish: number,
  drop: readonly number[],
): Promise<void> => {
  const events = encodeEvent({ text: "x", drop: drop.map((first) => ({ generation: 1, first })) })
  const frames = [
    { generation: 1, first: publish, bytes: new Uint8Array(1024).fill(publish & 255) },
  ]
  const records = [{ journalMs: 1, events, frames }]
  tenant.evolve(records[0])
  const [answer] = await journal.commit([{ shard: opened.shard, epoch: opened.epoch, records }])
  if (answer._tag !== "Committed") throw new Error(answer._tag)
  tenant.placed(records, answer.locations)
}

describe("a waiting frame of one shard that is damaged in the log", () => {
  it("does not keep the log of the other shards from being cleaned", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const journal = await openSimulated(disk, 1)
    const open = [await journal.openShard(0), await journal.openShard(1)] as const
    const tenants = [await ModelTenant.open(open[0]), await ModelTenant.open(open[1])] as const
    const logs = () => disk.files("/data").filter((name) => /\blog\.\d/.test(name))
    await commit(journal, open[0], tenants[0], 77, [])
    const path = logs()[0]
    const content = Buffer.from(disk.contentOf(path))
    const at = content.indexOf(Buffer.alloc(1024, 77))
    expect(at).toBeGreaterThan(0)
    let control = 0
    for (let first = 1; first <= 200; first++) {
      await commit(journal, open[1], tenants[1], first, first > 1 ? [first - 1] : [])
      if (first === 10) {
        const now = Buffer.from(disk.contentOf(path))
        now[at + 500] ^= 1
        disk.damage(path, now)
      }
      if (first % 20 === 0) {
        await journal.clean()
        await settle()
        control = logs().length
      }
    }
    expect(journal.status().uncleanedBytes).toBeLessThanOrEqual(64 * 1024)
    expect(control).toBeLessThan(20)
    await journal.close()
  })
})
