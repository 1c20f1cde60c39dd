import {
  commitModel,
  type ManualClock,
  ModelTenant,
  modelRecord,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { describe, expect, it } from "vitest"
import type { FileJournal } from "./FileJournal.js"
import { paths as pathsOf } from "./Layout.js"
import { openSimulated, settle } from "./testkit/openSimulated.js"

const paths = pathsOf("/data")
const newDisk = () => new SimulatedDisk({ random: new SeededRandom(1) })
const open = (disk: SimulatedDisk, seed: number, runs = true) =>
  openSimulated(disk.process(), seed, { shared: true, processRuns: () => runs })

const fill = async (journal: FileJournal, tenant: ModelTenant, records: number): Promise<void> => {
  for (let one = 0; one < records; one++) {
    const number = tenant.recordNumber + 1
    const body = new Uint8Array(300).fill(number)
    await commitModel(journal, tenant, modelRecord(`r${number}`, [[1, number, body]]))
  }
}

const logFiles = (disk: SimulatedDisk, { instance }: FileJournal): string[] =>
  disk.files().filter((path) => path.startsWith(`${paths.log(instance)}/log.`))

/** Time goes by until the journal has tidied up, or twenty seconds. */
const live = async (journal: FileJournal): Promise<void> => {
  for (let step = 0; step < 40; step++) {
    ;(journal.parts.clock as ManualClock).advance(500)
    await settle()
  }
}

describe("cleaning beside other processes", () => {
  it("a moved shard's frames leave the old owner's log, which then gets smaller", async () => {
    const disk = newDisk()
    const a = await open(disk, 1)
    const other = await ModelTenant.open(await a.openShard(1))
    const moving = await ModelTenant.open(await a.openShard(0))
    await fill(a, moving, 60)
    const before = logFiles(disk, a).length
    expect(before).toBeGreaterThan(4)
    const b = await open(disk, 2)
    const moved = await ModelTenant.open(await b.openShard(0))
    // The new owner has made no checkpoint yet: everything is needed.
    await a.clean()
    expect(logFiles(disk, a).length).toBe(before)
    await b.clean()
    // Nothing was taken from under the living process.
    expect(logFiles(disk, a).length).toBe(before)
    await fill(a, other, 20)
    await a.clean()
    expect(logFiles(disk, a).length).toBeLessThan(5)
    expect((await moved.readAll()).size).toBe(60)
    await a.close()
    await b.close()
    const c = await open(disk, 3)
    const again = await ModelTenant.open(await c.openShard(0))
    expect((await again.readAll()).size).toBe(60)
  })

  it("an idle shard that moved does not hold its old owner's log back", async () => {
    const disk = newDisk()
    const a = await open(disk, 1)
    const moving = await ModelTenant.open(await a.openShard(0))
    const other = await ModelTenant.open(await a.openShard(1))
    await commitModel(a, moving, modelRecord("only"))
    const first = logFiles(disk, a)[0]
    const b = await open(disk, 2)
    await ModelTenant.open(await b.openShard(0))
    await live(b)
    await fill(a, other, 40)
    await a.clean()
    expect(logFiles(disk, a)).not.toContain(first)
  })

  it("a dead process's log is removed by who tidies up, once its shards have moved", async () => {
    const disk = newDisk()
    const dead = await open(disk, 1)
    await fill(dead, await ModelTenant.open(await dead.openShard(0)), 10)
    await fill(dead, await ModelTenant.open(await dead.openShard(1)), 10)
    disk.kill()
    const a = await open(disk, 2, false)
    const b = await open(disk, 3, false)
    b.tidiesDead = true
    await ModelTenant.open(await a.openShard(0))
    await live(a)
    await live(b)
    expect(logFiles(disk, dead).length).toBeGreaterThan(0)
    expect(disk.existsSync(paths.aliveFile(dead.instance))).toBe(false)
    const last = await ModelTenant.open(await a.openShard(1))
    await live(a)
    expect(logFiles(disk, dead).length).toBeGreaterThan(0)
    await live(b)
    expect(disk.existsSync(paths.log(dead.instance))).toBe(false)
    expect((await last.readAll()).size).toBe(10)
  })

  it("what a stopped process has left stays, and it goes on with what it still has", async () => {
    const disk = newDisk()
    const zombie = await open(disk, 1)
    const lost = await ModelTenant.open(await zombie.openShard(0))
    const kept = await ModelTenant.open(await zombie.openShard(1))
    await fill(zombie, lost, 40)
    await fill(zombie, kept, 10)
    await zombie.clean()
    const before = logFiles(disk, zombie)
    const b = await open(disk, 2)
    b.tidiesDead = true
    const taken = await ModelTenant.open(await b.openShard(0))
    await fill(b, taken, 30)
    await live(b)
    expect(logFiles(disk, zombie)).toEqual(before)
    // It wakes up in the middle of its housekeeping, and finds its shard's files swept.
    let failed = false
    void zombie.failed.then(() => {
      failed = true
    })
    await live(zombie)
    const { shard, epoch } = lost.opened
    const late = await zombie.commit([{ shard, epoch, records: [modelRecord("late")] }])
    expect(late[0]._tag).toBe("Fenced")
    await fill(zombie, kept, 60)
    await live(zombie)
    expect(failed).toBe(false)
    expect((await kept.readAll()).size).toBe(70)
    expect((await taken.readAll()).size).toBe(70)
  })
})
