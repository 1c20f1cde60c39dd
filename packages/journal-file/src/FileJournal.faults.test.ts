import {
  commitModel,
  type DiskOperation,
  DiskRecorder,
  lyingDisk,
  ManualClock,
  ModelTenant,
  modelRecord,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { describe, expect, it } from "vitest"
import { openSimulated, settle } from "./testkit/openSimulated.js"

const newDisk = (capacityBytes = 1024 * 1024) =>
  new SimulatedDisk({ random: new SeededRandom(1), capacityBytes })

const body = (length: number) => new Uint8Array(length).fill(9)

describe("a confirm and the fdatasync that covers it", () => {
  const early = async (mutate: (recorder: DiskRecorder) => DiskRecorder["disk"]) => {
    const recorder = new DiskRecorder(newDisk())
    const journal = await openSimulated(mutate(recorder), 1)
    const tenant = await ModelTenant.open(await journal.openShard(0))
    let tooEarly = 0
    for (let round = 0; round < 50; round++) {
      const record = modelRecord(`<${round}>`, [[1, round + 1, body(200)]])
      tenant.evolve(record)
      const { shard, epoch } = tenant.opened
      const [result] = await journal.commit([{ shard, epoch, records: [record] }])
      expect(result._tag).toBe("Committed")
      if (result._tag === "Committed") tenant.placed([record], result.locations)
      if (!recorder.isDurable(`<${round}>`)) tooEarly++
      recorder.forgetDurable()
    }
    await journal.close()
    return tooEarly
  }

  it("no confirm leaves before it", async () => {
    expect(await early((recorder) => recorder.disk)).toBe(0)
  })

  it("the recorder sees a build that leaves the fdatasync out", async () => {
    expect(await early((recorder) => lyingDisk(recorder.disk))).toBe(50)
  })

  it("one commit of many shards syncs once", async () => {
    const recorder = new DiskRecorder(newDisk())
    const journal = await openSimulated(recorder.disk, 1, { shards: 8, segmentBytes: 65536 })
    const opened = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((at) => journal.openShard(at)))
    await settle()
    recorder.operations.length = 0
    await journal.commit(
      opened.map(({ shard, epoch }) => ({ shard, epoch, records: [modelRecord("x")] })),
    )
    const log = recorder.operations.filter((operation) => operation.includes("/logs/"))
    expect(log.map((operation) => operation.split(" ")[0])).toEqual(["write", "sync", "synced"])
    await journal.close()
  })
})

const fail = (errno: string, matches: (operation: DiskOperation) => boolean) => {
  let failed = false
  return (operation: DiskOperation) => {
    if (failed || !matches(operation)) return undefined
    failed = true
    return { errno }
  }
}

describe("a disk that fails", () => {
  for (const kind of ["sync", "write"] as const) {
    it(`the first EIO of a ${kind} in the log ends all confirming`, async () => {
      const disk = newDisk()
      const journal = await openSimulated(disk.process(), 1)
      const a = await ModelTenant.open(await journal.openShard(0))
      const b = await ModelTenant.open(await journal.openShard(1))
      await commitModel(journal, a, modelRecord("a"))
      await settle()
      disk.fault = fail("EIO", (operation) => operation.kind === kind)
      const batch = [a, b].map(({ opened: { shard, epoch } }) => {
        return { shard, epoch, records: [modelRecord("lost")] }
      })
      const results = await journal.commit(batch)
      expect(results.map((result) => result._tag)).toEqual(["Refused", "Refused"])
      expect((await journal.failed)._tag).toBe("FabricClosed")
      expect((await journal.failed).detail).toContain("EIO")
      const before = disk.operationCount
      const again = await journal.commit(batch)
      expect(again.map((result) => result._tag)).toEqual(["Refused", "Refused"])
      expect(disk.operationCount).toBe(before)
      await expect(journal.openShard(0)).rejects.toMatchObject({ _tag: "FabricClosed" })
      await journal.close()
      disk.crash()
      const after = await openSimulated(disk.process(), 2)
      const recovered = await ModelTenant.open(await after.openShard(0))
      expect(["a;", "a;lost;"]).toContain(recovered.history)
    })
  }

  it("an EIO while a frame is read fails that read, and nothing else", async () => {
    const disk = newDisk()
    const journal = await openSimulated(disk.process(), 1)
    const tenant = await ModelTenant.open(await journal.openShard(0))
    await commitModel(journal, tenant, modelRecord("a", [[1, 1, body(100)]]))
    disk.fault = fail("EIO", ({ kind }) => kind === "read")
    await expect(tenant.readAll()).rejects.toMatchObject({ errno: "EIO" })
    expect(await tenant.readAll()).toEqual(new Map([["1/1", body(100)]]))
    await commitModel(journal, tenant, modelRecord("b"))
  })
})

describe("a full disk", () => {
  it("refuses publishes first, then settles, and never a commit that was reserved", async () => {
    const clock = new ManualClock()
    const disk = newDisk(256 * 1024)
    const journal = await openSimulated(disk.process(), 1, {
      clock,
      uncleanedBytesMax: 64 * 1024,
      segmentBytes: 8 * 1024,
    })
    const tenant = await ModelTenant.open(await journal.openShard(0))
    let published = 0
    let first = 1
    // What the commits take is told by the file system with each look at it.
    const look = async () => {
      clock.advance(1000)
      await settle()
    }
    while (journal.reserve(1630, "publish")) {
      await commitModel(journal, tenant, modelRecord("p", [[1, first++, body(1500)]]))
      published++
      await look()
      expect(published).toBeLessThan(200)
    }
    expect(published).toBeGreaterThan(5)
    expect(journal.reserve(110, "settle")).toBe(true)
    await commitModel(journal, tenant, modelRecord("s", [], [[1, 1]]))
    // Settling and cleaning make room again, without a restart. A refusal is retryable: it calls
    // the cleaner, which may give a spare file to its own work for the moment.
    const retried = async (bytes: number, purpose: "publish" | "settle") => {
      for (let attempt = 0; attempt < 8; attempt++) {
        if (journal.reserve(bytes, purpose)) return true
        await look()
      }
      return false
    }
    for (let at = 2; at < first; at++) {
      expect(await retried(110, "settle"), `settle ${at} of ${first - 1}`).toBe(true)
      await commitModel(journal, tenant, modelRecord("s", [], [[1, at]]))
      await look()
    }
    expect(tenant.frames.size).toBe(0)
    expect(await retried(1630, "publish")).toBe(true)
    await commitModel(journal, tenant, modelRecord("p", [[1, first, body(1500)]]))
    await journal.close()
    const after = await openSimulated(disk.process(), 2)
    const again = await ModelTenant.open(await after.openShard(0))
    expect(again.history).toBe(tenant.history)
  })
})

describe("a full disk inside a segment that was made ahead", () => {
  /** The next write into the log arrives so far, and then the file system has no room for it. */
  const fillOnce = (disk: SimulatedDisk, short: number) => {
    let failed = false
    disk.fault = ({ kind, path }) => {
      if (failed || kind !== "write" || !path.includes("/log.")) return undefined
      failed = true
      return { short, errno: "ENOSPC" }
    }
  }
  const two = [0, 1] as const

  for (const short of [0, 48, 96, 100, 400, 700, 1_000_000]) {
    it(`is DiskFull, and both shards open again (${short} bytes arrived)`, async () => {
      const disk = newDisk()
      const journal = await openSimulated(disk.process(), 1, { segmentBytes: 16 * 1024 })
      const open = () => Promise.all(two.map((at) => journal.openShard(at).then(ModelTenant.open)))
      for (let round = 1; round <= 5; round++) {
        const tenants = await open()
        for (const tenant of tenants) {
          await commitModel(journal, tenant, modelRecord(`a${round}`, [[1, round, body(100)]]))
        }
        fillOnce(disk, short)
        const lost = tenants.map(({ opened: { shard, epoch } }) => {
          return { shard, epoch, records: [modelRecord("lost", [[2, round, body(300)]])] }
        })
        const results = await journal.commit(lost)
        for (const result of results) {
          expect(result).toMatchObject({ _tag: "Refused", error: { _tag: "DiskFull" } })
        }
        disk.fault = () => undefined
      }
      const again = await open()
      for (const tenant of again) {
        const kept = tenant.history.split(";").filter((text) => text.startsWith("a"))
        expect(kept).toEqual(["a1", "a2", "a3", "a4", "a5"])
      }
      await journal.close()
      const after = await openSimulated(disk.process(), 2)
      for (const tenant of again) {
        const { shard } = tenant.opened
        expect((await ModelTenant.open(await after.openShard(shard))).history).toBe(tenant.history)
      }
    })
  }

  it("while shards are opened: DiskFull to each, and the next attempt opens them", async () => {
    const disk = newDisk()
    for (let life = 1; life <= 4; life++) {
      const journal = await openSimulated(disk.process(), life, { segmentBytes: 16 * 1024 })
      fillOnce(disk, life % 2 === 0 ? 1_000_000 : 300)
      const first = await Promise.allSettled(two.map((at) => journal.openShard(at)))
      for (const one of first) {
        if (one.status === "rejected") expect(one.reason).toMatchObject({ _tag: "DiskFull" })
      }
      expect(first.some(({ status }) => status === "rejected")).toBe(true)
      disk.fault = () => undefined
      const opened = await Promise.all(two.map((at) => journal.openShard(at)))
      for (const one of opened) {
        const tenant = await ModelTenant.open(one)
        const before = Array.from({ length: life - 1 }, (_, at) => `l${at + 1};`).join("")
        expect(tenant.history).toBe(before)
        await commitModel(journal, tenant, modelRecord(`l${life}`, [[1, life, body(50)]]))
      }
      disk.kill()
    }
  })

  it("another process that takes a shard over meanwhile never calls it damaged", async () => {
    for (const [at, short] of [0, 96, 700, 1_000_000].entries()) {
      const disk = newDisk()
      const options = { shared: true, segmentBytes: 16 * 1024 }
      const a = await openSimulated(disk.process(), 1, options)
      const tenants = await Promise.all(two.map((of) => a.openShard(of).then(ModelTenant.open)))
      for (const tenant of tenants) await commitModel(a, tenant, modelRecord("a"))
      fillOnce(disk, short)
      await a.commit(
        tenants.map(({ opened: { shard, epoch } }) => {
          return { shard, epoch, records: [modelRecord("lost", [[2, 1, body(300)]])] }
        }),
      )
      disk.fault = () => undefined
      const b = await openSimulated(disk.process(), 2 + at, options)
      const [mine, theirs] = await Promise.all([a.openShard(0), b.openShard(1)])
      const [left, right] = [await ModelTenant.open(mine), await ModelTenant.open(theirs)]
      await commitModel(a, left, modelRecord("b"))
      await commitModel(b, right, modelRecord("b"))
      for (const { history } of [left, right]) expect(["a;b;", "a;lost;b;"]).toContain(history)
      await a.close()
      await b.close()
    }
  })
})
