import {
  commitModel,
  type Disk,
  ModelTenant,
  modelRecord,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { describe, expect, it } from "vitest"
import { paths as pathsOf } from "./Layout.js"
import { LogScan } from "./LogScan.js"
import { openSimulated } from "./testkit/openSimulated.js"

/** Runs `between` after the read of that number: the reader has bytes that are old already. */
const interrupted = (disk: Disk, at: number, between: () => Promise<void>): Disk => {
  let reads = 0
  return {
    ...disk,
    open: async (path, how) => {
      const file = await disk.open(path, how)
      const read: typeof file.read = async (position, length) => {
        const bytes = Uint8Array.from(await file.read(position, length))
        if (++reads === at) await between()
        return bytes
      }
      return { ...file, path: file.path, read }
    },
  }
}

const commitSome = async (count: number, at: number) => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const journal = await openSimulated(disk.process(), 1)
  const tenant = await ModelTenant.open(await journal.openShard(0))
  let written = 0
  const commit = async (more: number) => {
    for (let one = 0; one < more; one++) {
      const frames = [[1, ++written, new Uint8Array(700)]] as const
      await commitModel(journal, tenant, modelRecord(`r${written}`, frames))
    }
  }
  await commit(count)
  const under = interrupted(disk.process(), at, () => commit(6))
  const scan = new LogScan(under, pathsOf("/data"), journal.instance)
  return { scan, commit, written: () => written }
}

const records = (scan: LogScan): number[] =>
  scan.entries(0).flatMap((entry) => (entry.kind === "record" ? [entry.recordNumber] : []))

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)

describe("the log of a process that goes on writing", () => {
  it("is never taken for damaged, and what was written before a look is seen by it", async () => {
    for (let at = 1; at <= 60; at++) {
      const { scan, commit, written } = await commitSome(8, at)
      const before = written()
      await scan.extend()
      expect(scan.damages, `read ${at}`).toEqual([])
      expect(records(scan).slice(0, before), `read ${at}`).toEqual(upTo(before))
      const now = written()
      await scan.extend()
      expect(records(scan).slice(0, now), `read ${at}, second look`).toEqual(upTo(now))
      await commit(1)
      const last = written()
      await scan.extend()
      expect(records(scan).slice(0, last), `read ${at}, third look`).toEqual(upTo(last))
      expect(scan.damages).toEqual([])
    }
  })

  it("is read once for all who ask at the same time", async () => {
    const { scan, written } = await commitSome(8, 0)
    const looks = [scan.extend(), scan.extend(), scan.extend()]
    expect(looks[1]).toBe(looks[0])
    expect(looks[2]).toBe(looks[0])
    await Promise.all(looks)
    expect(records(scan)).toEqual(upTo(written()))
  })
})
