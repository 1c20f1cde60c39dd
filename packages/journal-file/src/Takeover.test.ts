import {
  commitModel,
  type Disk,
  ModelTenant,
  modelRecord,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { isSkeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { writeCheckpoint } from "./CheckpointFile.js"
import { assembleHistory, type OwnerLog } from "./History.js"
import { paths as pathsOf } from "./Layout.js"
import type { ScannedRecord } from "./ScanEntry.js"
import { openSimulated, settle } from "./testkit/openSimulated.js"

const paths = pathsOf("/data")
const newDisk = () => new SimulatedDisk({ random: new SeededRandom(1) })
const open = (disk: Disk, seed: number) => openSimulated(disk, seed, { shared: true })

/** Holds writes to the log back, as a process does that is stopped in the middle of a commit. */
const stoppable = (disk: Disk) => {
  let release: () => void = () => {}
  let gate: Promise<void> = Promise.resolve()
  const stopped: Disk = {
    ...disk,
    open: async (path, how) => {
      const file = await disk.open(path, how)
      const write: typeof file.write = async (position, parts) => {
        if (path.includes("/logs/")) await gate
        return file.write(position, parts)
      }
      return { ...file, path: file.path, write }
    },
  }
  return {
    disk: stopped,
    stop: () => {
      gate = new Promise((resolve) => {
        release = resolve
      })
    },
    go: () => release(),
  }
}

describe("taking a shard over", () => {
  it("what a stopped owner writes after the takeover is never adopted", async () => {
    const disk = newDisk()
    const { disk: slow, stop, go } = stoppable(disk.process())
    const a = await open(slow, 1)
    const old = await ModelTenant.open(await a.openShard(0))
    await commitModel(a, old, modelRecord("a1", [[1, 1, new Uint8Array(9)]]))
    stop()
    const { shard, epoch } = old.opened
    const late = a.commit([{ shard, epoch, records: [modelRecord("late")] }])
    await settle()
    const b = await open(disk.process(), 2)
    const taken = await ModelTenant.open(await b.openShard(0))
    expect(taken.history).toBe("a1;")
    go()
    expect((await late)[0]._tag).toBe("Fenced")
    await commitModel(b, taken, modelRecord("b2"))
    disk.kill()
    // The late record lies in the first log, whole and under the number that b2 has.
    const c = await open(disk.process(), 3)
    const again = await ModelTenant.open(await c.openShard(0))
    expect(again.history).toBe("a1;b2;")
    expect((await again.readAll()).size).toBe(1)
  })

  it("goes back over owners that died before their first record", async () => {
    const disk = newDisk()
    const a = await open(disk.process(), 1)
    await commitModel(a, await ModelTenant.open(await a.openShard(0)), modelRecord("a1"))
    disk.kill()
    for (const seed of [2, 3, 4]) {
      const dying = await open(disk.process(), seed)
      await dying.ownership.claim(0)
      disk.kill()
    }
    const last = await open(disk.process(), 5)
    expect((await ModelTenant.open(await last.openShard(0))).history).toBe("a1;")
  })

  it("refuses when the claim of such an owner is gone", async () => {
    const disk = newDisk()
    const a = await open(disk.process(), 1)
    await commitModel(a, await ModelTenant.open(await a.openShard(0)), modelRecord("a1"))
    disk.kill()
    const dying = await open(disk.process(), 2)
    const { epoch } = await dying.ownership.claim(0)
    await disk.unlink(paths.claim(0, epoch, dying.instance))
    disk.kill()
    const last = await open(disk.process(), 3)
    await expect(last.openShard(0)).rejects.toMatchObject({ _tag: "ShardCorrupt" })
    expect((await last.openShard(1)).checkpoint.recordNumber).toBe(0)
  })

  it("ignores a checkpoint that covers more than the seal of the next owner", async () => {
    const disk = newDisk()
    const a = await open(disk.process(), 1)
    const old = await ModelTenant.open(await a.openShard(0))
    await commitModel(a, old, modelRecord("a1"))
    const b = await open(disk.process(), 2)
    await b.openShard(0)
    const { epoch } = old.opened
    const state = Buffer.from(JSON.stringify({ recordNumber: 2, history: "a1;lost;" }))
    const header = {
      version: 1,
      shard: 0,
      epoch,
      number: 1,
      recordNumber: 2,
      crc: 7,
      continues: [],
      files: [],
      placements: [],
      put: [["history", state.length, 0]] as const,
      drop: [],
    } as const
    await writeCheckpoint(disk, paths.checkpoint(0, epoch, 1), header, [state])
    disk.kill()
    const c = await open(disk.process(), 3)
    expect((await ModelTenant.open(await c.openShard(0))).history).toBe("a1;")
  })

  it("copies what was not known to be durable, and seals it in the same batch", async () => {
    const disk = newDisk()
    const a = await open(disk.process(), 1)
    const tenant = await ModelTenant.open(await a.openShard(0))
    await commitModel(a, tenant, modelRecord("a1", [[1, 1, new Uint8Array(40).fill(3)]]))
    disk.kill()
    const b = await open(disk.process(), 2)
    await b.openShard(0)
    disk.kill()
    // The first log's last batch was in the page cache only: a power cut takes it now.
    const log = disk.files().find((path) => path.startsWith(paths.log(a.instance)))
    expect(log).toBeDefined()
    const content = disk.contentOf(log ?? "")
    const torn = Uint8Array.from(content)
    const at = Buffer.from(content).indexOf('"a1"')
    torn.fill(0, at - 64, at + 100)
    disk.damage(log ?? "", torn)
    const c = await open(disk.process(), 3)
    const again = await ModelTenant.open(await c.openShard(0))
    expect(again.history).toBe("a1;")
    expect(await again.readAll()).toEqual(new Map([["1/1", new Uint8Array(40).fill(3)]]))
  })
})

const record = (epoch: number, recordNumber: number, crc: number, previousCrc: number) =>
  ({
    kind: "record",
    order: recordNumber * 2,
    epoch,
    recordNumber,
    crc,
    previousCrc,
    journalMs: 0,
    events: Buffer.alloc(0),
    frames: [],
    segment: { name: "", number: 1, bytes: 0 },
    offset: 0,
    bytes: 0,
  }) satisfies ScannedRecord

const owner = (epoch: number, entries: OwnerLog["entries"], damages: OwnerLog["damages"] = []) =>
  ({ epoch, instance: `i${epoch}`, entries, damages, durableBefore: 99 }) satisfies OwnerLog

const seal = (order: number, epoch: number, recordNumber: number, crc: number) =>
  ({
    kind: "seal",
    order,
    seal: { shard: 0, epoch, recordNumber, crc, predecessor: { epoch: 0, instance: "x" } },
  }) as const

const none = { recordNumber: 0, crc: 0, epoch: 0 }
const numbers = (...owners: OwnerLog[]): number[] | string => {
  try {
    return assembleHistory(0, none, owners).records.map((one) => one.record.crc)
  } catch (error) {
    return isSkeinError(error) ? error._tag : String(error)
  }
}
const damage = { order: 50, file: "f", offset: 1, length: 2, what: "flipped" }

describe("a shard's history", () => {
  const first = owner(1, [seal(1, 1, 0, 0), record(1, 1, 11, 0), record(1, 2, 12, 11)])

  it("is what each owner adopted and wrote", () => {
    expect(numbers(first)).toEqual([11, 12])
    expect(numbers(first, owner(2, [seal(1, 2, 1, 11), record(2, 2, 22, 11)]))).toEqual([11, 22])
  })

  it("does not trust a seal whose tail is nowhere", () => {
    expect(numbers(first, owner(2, [seal(1, 2, 3, 13)]))).toBe("ShardCorrupt")
    expect(numbers(first, owner(2, [seal(1, 2, 2, 99)]))).toBe("ShardCorrupt")
    const copy = { ...record(1, 3, 13, 12), kind: "copy", order: 0 } as const
    expect(numbers(first, owner(2, [copy, seal(1, 2, 3, 13)]))).toEqual([11, 12, 13])
  })

  it("refuses gaps, and damage behind which nothing says that all is there", () => {
    expect(numbers(owner(1, [seal(1, 1, 0, 0), record(1, 2, 12, 11)]))).toBe("ShardCorrupt")
    expect(numbers({ ...first, damages: [damage] })).toBe("ShardCorrupt")
    expect(numbers({ ...first, damages: [{ ...damage, shards: [5] }] })).toEqual([11, 12])
    const evidence = { kind: "evidence", order: 60, epoch: 1, recordNumber: 2, crc: 12 } as const
    const proven = { ...first, entries: [...first.entries, evidence], damages: [damage] }
    expect(numbers(proven)).toEqual([11, 12])
    const sealed = owner(2, [seal(1, 2, 2, 12)])
    expect(numbers({ ...first, damages: [damage] }, sealed)).toEqual([11, 12])
  })

  it("takes nothing from an owner that never served, unless damage may hide its seal", () => {
    expect(numbers(first, owner(2, []))).toEqual([11, 12])
    expect(numbers(first, owner(2, [], [damage]))).toBe("ShardCorrupt")
  })
})
