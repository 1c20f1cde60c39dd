import {
  ModelTenant,
  type OpenedShard,
  SeededRandom,
  type ShardTenant,
  SimulatedDisk,
} from "@skein/journal"
import type { SkeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import type { FileJournal } from "./FileJournal.js"
import { commitFrame } from "./testkit/commitFrame.js"
import { openSimulated, settle } from "./testkit/openSimulated.js"

const commit = (
  journal: FileJournal,
  tenant: ModelTenant,
  publish: number,
  drop: readonly number[] = [],
): Promise<void> => commitFrame(journal, tenant, { publish, drop })

const shardFiles = (disk: SimulatedDisk, shard: number) =>
  disk.files(`/data/shards/s00${shard}`).filter((path) => path.includes("/segment."))

const logFiles = (disk: SimulatedDisk) =>
  disk.files("/data/logs").filter((path) => /\/log\.\d/.test(path))

/** Flips a bit at `of` bytes from where the frame's bytes begin in the log. */
const damage = (disk: SimulatedDisk, first: number, of: number): string => {
  for (const path of logFiles(disk)) {
    const content = Buffer.from(disk.contentOf(path))
    const at = content.indexOf(Buffer.alloc(1024, first))
    if (at < 0) continue
    content[at + of] ^= 1
    disk.damage(path, content)
    return path
  }
  throw new Error(`no log has frame ${first}`)
}

/** The first `SKB1` before the frame: its batch begins there. */
const headBefore = (disk: SimulatedDisk, first: number): number => {
  for (const path of logFiles(disk)) {
    const content = Buffer.from(disk.contentOf(path))
    const at = content.indexOf(Buffer.alloc(1024, first))
    if (at >= 0) return content.lastIndexOf("SKB1", at) - at
  }
  throw new Error(`no log has frame ${first}`)
}

const keyOf = (first: number) => `1/${first}`

const read = (tenant: ModelTenant, first: number): Promise<Uint8Array> => {
  const frame = tenant.frames.get(keyOf(first))
  if (frame?.location === undefined) throw new Error(`frame ${first} has no place`)
  return tenant.opened.read(frame, frame.location, frame.bytes)
}

/** A tenant that notes what it is told of damage. */
const watched = async (opened: OpenedShard, told: SkeinError[]): Promise<ModelTenant> => {
  const attach = (tenant: ShardTenant) =>
    opened.attach(Object.assign(tenant, { damaged: (what: SkeinError) => told.push(what) }))
  return ModelTenant.open({ ...opened, attach })
}

describe("a waiting frame of one shard that is damaged in the log", () => {
  it("does not keep the log of the other shards from being cleaned", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const journal = await openSimulated(disk, 1)
    const open = [await journal.openShard(0), await journal.openShard(1)] as const
    const tenants = [await ModelTenant.open(open[0]), await ModelTenant.open(open[1])] as const
    const logs = () => disk.files("/data").filter((name) => /\blog\.\d/.test(name))
    await commit(journal, tenants[0], 77, [])
    const path = logs()[0]
    const content = Buffer.from(disk.contentOf(path))
    const at = content.indexOf(Buffer.alloc(1024, 77))
    expect(at).toBeGreaterThan(0)
    let control = 0
    for (let first = 1; first <= 200; first++) {
      await commit(journal, tenants[1], first, first > 1 ? [first - 1] : [])
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

describe("damage in the log", () => {
  const filled = async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const journal = await openSimulated(disk, 1)
    const told: SkeinError[] = []
    const opened = await journal.openShard(0)
    const tenant = await watched(opened, told)
    const other = await journal.openShard(1)
    const otherTenant = await ModelTenant.open(other)
    for (let first = 1; first <= 12; first++) await commit(journal, tenant, first)
    for (let first = 101; first <= 104; first++) await commit(journal, otherTenant, first)
    return { disk, journal, told, opened, tenant, otherTenant }
  }

  const cleaned = async (journal: FileJournal) => {
    // The second is sure that the tenant has heard of every frame.
    for (let pass = 1; pass <= 2; pass++) await journal.clean()
    await settle()
  }

  it("of one frame is told with its place, and it alone is refused, also later", async () => {
    const { disk, journal, told, tenant, otherTenant } = await filled()
    const path = damage(disk, 2, 500)
    await cleaned(journal)
    expect(logFiles(disk)).not.toContain(path)
    expect(told.map(({ _tag, data }) => [_tag, data.shard, data.file])).toEqual([
      ["ShardCorrupt", 0, path],
    ])
    const check = async (of: ModelTenant) => {
      await expect(read(of, 2)).rejects.toMatchObject({ _tag: "ShardCorrupt" })
      for (let first = 1; first <= 12; first++) {
        if (first !== 2) expect(await read(of, first)).toEqual(new Uint8Array(1024).fill(first))
      }
    }
    await check(tenant)
    expect((await otherTenant.readAll()).size).toBe(4)
    await journal.clean()
    expect(told.length).toBe(1)
    await journal.close()
    const again = await openSimulated(disk, 2)
    await check(await ModelTenant.open(await again.openShard(0)))
    await again.close()
  })

  it("goes with the file that keeps it, when nobody wants the frame any more", async () => {
    const { disk, journal, tenant } = await filled()
    damage(disk, 2, 500)
    await cleaned(journal)
    const before = shardFiles(disk, 0).length
    await commit(journal, tenant, 13, [2])
    await cleaned(journal)
    expect(shardFiles(disk, 0).length).toBeLessThan(before)
    expect((await tenant.readAll()).size).toBe(12)
    await journal.close()
  })

  it("of a batch's head costs no frame: they are read where they were kept", async () => {
    const { disk, journal, told, tenant, otherTenant } = await filled()
    const path = damage(disk, 2, headBefore(disk, 2) + 9)
    await cleaned(journal)
    expect(logFiles(disk)).not.toContain(path)
    expect(told.length).toBeGreaterThan(0)
    expect((await tenant.readAll()).size).toBe(12)
    expect((await otherTenant.readAll()).size).toBe(4)
    await journal.close()
  })

  it("that a former process has left is dealt with in the same way", async () => {
    const { disk, journal, told } = await filled()
    await journal.clean()
    expect(told).toEqual([])
    await journal.close()
    const second = await openSimulated(disk, 2)
    const opened = await second.openShard(0)
    const tenant = await watched(opened, told)
    for (let first = 21; first <= 32; first++) await commit(second, tenant, first)
    disk.kill()
    const third = await openSimulated(disk, 3)
    const last = await watched(await third.openShard(0), told)
    await ModelTenant.open(await third.openShard(1))
    const path = damage(disk, 22, 500)
    await cleaned(third)
    expect(told.map(({ data }) => data.file)).toContain(path)
    await expect(read(last, 22)).rejects.toMatchObject({ _tag: "ShardCorrupt" })
    for (let first = 21; first <= 32; first++) if (first !== 22) await read(last, first)
    expect(disk.files("/data/logs").some((file) => file === path)).toBe(false)
    await third.close()
  })

  it("at the end of a former process's segment is no torn tail when the log went on", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const journal = await openSimulated(disk, 1)
    const opened = await journal.openShard(0)
    const tenant = await ModelTenant.open(opened)
    for (let first = 1; first <= 12; first++) await commit(journal, tenant, first)
    disk.kill()
    const told: SkeinError[] = []
    const second = await openSimulated(disk, 2)
    const after = await watched(await second.openShard(0), told)
    const back = headBefore(disk, 2)
    const path = damage(disk, 2, 0)
    const content = Buffer.from(disk.contentOf(path))
    content.fill(255, content.indexOf(Buffer.alloc(1023, 2)) - 1 + back)
    disk.damage(path, content)
    await cleaned(second)
    expect(told.map(({ data }) => data.file)).toEqual([path])
    await expect(read(after, 2)).rejects.toMatchObject({ _tag: "ShardCorrupt" })
    expect(await read(after, 1)).toEqual(new Uint8Array(1024).fill(1))
    expect(await read(after, 12)).toEqual(new Uint8Array(1024).fill(12))
    await second.close()
  })
})
