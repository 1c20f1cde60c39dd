import { ModelTenant, SeededRandom, type ShardTenant, SimulatedDisk } from "@skein/journal"
import type { SkeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { commitFrame } from "./testkit/commitFrame.js"
import { openSimulated, settle } from "./testkit/openSimulated.js"
import { verifyDirectory } from "./verifyDirectory.js"

const sizes = { segmentBytes: 8 * 1024, uncleanedBytesMax: 512 * 1024 }

/** `rounds` lives of one process, each with two records and a checkpoint of each shard. */
const filled = async (rounds: number, cleans = false) => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const journal = await openSimulated(disk.process(), 1, sizes)
  for (let round = 0; round < rounds; round++) {
    for (const shard of [0, 1]) {
      const tenant = await ModelTenant.open(await journal.openShard(shard))
      for (const publish of [2 * round + 1, 2 * round + 2]) {
        await commitFrame(journal, tenant, { publish })
      }
      if (cleans) for (let more = 0; more < 80; more++) await commitFrame(journal, tenant, {})
      await tenant.opened.close()
    }
  }
  if (cleans) {
    for (const shard of [0, 1]) await ModelTenant.open(await journal.openShard(shard))
    await journal.clean()
  }
  await settle()
  disk.kill()
  return disk
}

const checkpointsOf = (disk: SimulatedDisk, shard: number) =>
  disk
    .files(`/data/shards/s00${shard}`)
    .filter((path) => path.includes("/checkpoint."))
    .sort((a, b) => Number(a.split(".")[1]) - Number(b.split(".")[1]))

const flip = (disk: SimulatedDisk, path: string, at: number) => {
  const content = Buffer.from(disk.contentOf(path))
  content[at < 0 ? content.length + at : at] ^= 1
  disk.damage(path, content)
}

const open = async (disk: SimulatedDisk) => {
  const journal = await openSimulated(disk.process(), 9, sizes)
  const told: SkeinError[] = []
  const tenantOf = async (shard: number) => {
    const opened = await journal.openShard(shard)
    const attach = (tenant: ShardTenant) =>
      opened.attach(Object.assign(tenant, { damaged: (what: SkeinError) => told.push(what) }))
    return ModelTenant.open({ ...opened, attach })
  }
  return { journal, told, tenantOf }
}

const problems = async (disk: SimulatedDisk): Promise<string[]> => {
  const found: string[] = []
  for await (const one of verifyDirectory("/data", disk)) {
    if (one.kind === "shard") found.push(...one.problems)
  }
  return found
}

describe("a shard whose newest checkpoint is damaged", () => {
  for (const rounds of [1, 3]) {
    it(`is whole from what is before it where the logs reach back (${rounds})`, async () => {
      const disk = await filled(rounds)
      const newest = checkpointsOf(disk, 0).at(-1) ?? ""
      flip(disk, newest, 20)
      expect((await problems(disk)).join()).toContain(newest)
      const { journal, told, tenantOf } = await open(disk)
      const tenant = await tenantOf(0)
      expect(tenant.history).toBe("x;".repeat(2 * rounds))
      expect((await tenant.readAll()).size).toBe(2 * rounds)
      expect(told.map(({ _tag, data }) => [_tag, data.file])).toEqual([["ShardCorrupt", newest]])
      expect((await tenantOf(1)).history).toBe(tenant.history)
      await journal.close()
      expect(await problems(disk)).toEqual([])
    })
  }

  it("goes back to the one that it continues, and replays only what came after", async () => {
    const disk = await filled(4)
    const all = checkpointsOf(disk, 0)
    expect(all.length).toBeGreaterThan(1)
    flip(disk, all.at(-1) ?? "", 20)
    const { journal, tenantOf } = await open(disk)
    const opened = await journal.openShard(0)
    expect(opened.checkpoint.recordNumber).toBe(6)
    expect((await tenantOf(0)).history).toBe("x;".repeat(8))
    await journal.close()
  })

  it("is refused by its name where the logs were cleaned; the other shard serves", async () => {
    const disk = await filled(1, true)
    const newest = checkpointsOf(disk, 0).at(-1) ?? ""
    const whole = await open(disk.copy(new SeededRandom(2)))
    expect((await whole.tenantOf(0)).history).toBe("x;".repeat(82))
    flip(disk, newest, 20)
    const { journal, tenantOf } = await open(disk)
    await expect(journal.openShard(0)).rejects.toMatchObject({
      _tag: "ShardCorrupt",
      detail: expect.stringContaining(newest),
    })
    expect((await tenantOf(1)).history).toBe("x;".repeat(82))
    await journal.close()
  })

  it("in a chunk: is refused while that is read, and whole when it is opened again", async () => {
    const disk = await filled(3)
    const newest = checkpointsOf(disk, 0).at(-1) ?? ""
    flip(disk, newest, -3)
    const { journal, told, tenantOf } = await open(disk)
    await expect(tenantOf(0)).rejects.toMatchObject({ _tag: "ShardCorrupt" })
    expect((await tenantOf(0)).history).toBe("x;".repeat(6))
    expect(told.map(({ data }) => data.file)).toEqual([newest])
    await journal.close()
  })
})
