import { ManualClock, SeededRandom, SimulatedDisk } from "@skein/journal"
import { isSkeinError, limits, type SkeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import type { FileJournalOptions } from "./openFileJournal.js"
import { leastBytes } from "./Reservation.js"
import { openSimulated, settle } from "./testkit/openSimulated.js"

const newDisk = () => new SimulatedDisk({ random: new SeededRandom(1) })

const refusal = async (work: Promise<unknown>): Promise<SkeinError> => {
  try {
    await work
  } catch (error) {
    if (isSkeinError(error)) return error
    throw error
  }
  throw new Error("it should have been refused")
}

const fabricJson = async (
  disk: SimulatedDisk,
  change: (json: Record<string, unknown>) => unknown,
) => {
  const json = JSON.parse(Buffer.from(disk.contentOf("/data/fabric.json")).toString())
  disk.damage("/data/fabric.json", Buffer.from(JSON.stringify(change(json))))
}

/** Runs `work` while time goes by in the steps of the signs of life. */
const withTime = async <A>(clocks: readonly ManualClock[], work: Promise<A>): Promise<A> => {
  let over = false
  const done = work.finally(() => {
    over = true
  })
  done.catch(() => {})
  for (let step = 0; step < 400 && !over; step++) {
    for (const clock of clocks) clock.advance(25)
    await settle()
  }
  return done
}

describe("opening a directory", () => {
  it("keeps the fabric's id and shard count, whatever the next one asks for", async () => {
    const disk = newDisk()
    const first = await openSimulated(disk, 1, { shards: 3 })
    await first.close()
    const second = await openSimulated(disk, 2, { shards: 9 })
    expect(second.fabricId).toBe(first.fabricId)
    expect(second.shards).toBe(3)
    expect(second.instance).not.toBe(first.instance)
    expect(await refusal(second.openShard(3))).toMatchObject({ _tag: "ShardUnavailable" })
    await second.close()
  })

  it("makes no new fabric where one has lost its fabric.json", async () => {
    const disk = newDisk()
    await (await openSimulated(disk, 1)).close()
    await disk.unlink("/data/fabric.json")
    const error = await refusal(openSimulated(disk, 2))
    expect(error).toMatchObject({ _tag: "DirectoryForeign" })
    expect(error.message).toContain("put it back")
  })

  it("refuses another program's files", async () => {
    const disk = newDisk()
    await disk.makeDirectory("/data")
    await (await disk.open("/data/thesis.doc", "create")).close()
    const error = await refusal(openSimulated(disk, 1))
    expect(error._tag).toBe("DirectoryForeign")
    expect(error.detail).toContain("thesis.doc")
    expect(disk.files()).toEqual(["/data/thesis.doc"])
  })

  it("refuses a wrong magic, another format, garbage", async () => {
    for (const change of [
      (json: object) => ({ ...json, magic: "skene" }),
      (json: object) => ({ ...json, formatVersion: 2 }),
      (json: object) => ({ ...json, shards: 0 }),
      (json: object) => ({ ...json, shards: 1e6 }),
      (json: object) => ({ ...json, fabricId: "../x" }),
      () => [],
      () => "",
    ]) {
      const disk = newDisk()
      await (await openSimulated(disk, 1)).close()
      await fabricJson(disk, change)
      expect((await refusal(openSimulated(disk, 2)))._tag, String(change)).toBe("DirectoryForeign")
    }
  })

  it("refuses a place that cannot be written, that is a file, or that is remote", async () => {
    const disk = newDisk()
    disk.fault = ({ kind }) => (kind === "makeDirectory" ? { errno: "EACCES" } : undefined)
    const denied = await refusal(openSimulated(disk, 1))
    expect(denied).toMatchObject({ _tag: "DirectoryUnusable", data: { errno: "EACCES" } })
    const occupied = newDisk()
    await (await occupied.open("/data", "create")).close()
    expect((await refusal(openSimulated(occupied, 1)))._tag).toBe("DirectoryUnusable")
    const remote = { ...newDisk().process(), unfit: async () => "NFS is not a local file system" }
    const unfit = await refusal(openSimulated(remote, 1))
    expect(unfit).toMatchObject({ _tag: "DirectoryUnusable" })
    expect(unfit.detail).toContain("NFS")
  })

  it("names the living process that uses it", async () => {
    const disk = newDisk()
    const clocks = [new ManualClock(), new ManualClock()]
    const alive: Partial<FileJournalOptions> = { processRuns: () => true }
    const first = await openSimulated(disk, 1, { ...alive, clock: clocks[0], nodeName: "north" })
    const second = openSimulated(disk, 2, { ...alive, clock: clocks[1] })
    const error = await refusal(withTime(clocks, second))
    expect(error).toMatchObject({ _tag: "DirectoryInUse", data: { pid: process.pid } })
    expect(error.detail).toMatch(/in use by node north, pid \d+, since 20/)
    await first.openShard(0)
    await first.close()
    await (await openSimulated(disk, 3, alive)).close()
  })

  it("takes over from one that is silent for 600 ms, or dead", async () => {
    const disk = newDisk()
    await openSimulated(disk, 1, { processRuns: () => true })
    const clock = new ManualClock()
    const second = await withTime(
      [clock],
      openSimulated(disk, 2, { clock, processRuns: () => true }),
    )
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(600)
    expect(second.instance).toBeDefined()
    const third = new ManualClock()
    await openSimulated(disk, 3, { clock: third, processRuns: () => false })
    expect(third.monotonicMs()).toBe(0)
  })

  it("of two that start at once one goes on", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const disk = newDisk()
      const clocks = [new ManualClock(), new ManualClock()]
      const both = Promise.allSettled(
        clocks.map((clock, at) =>
          openSimulated(disk, seed * 2 + at, { clock, processRuns: () => true }),
        ),
      )
      const tags = (await withTime(clocks, both)).map((one) =>
        one.status === "fulfilled" ? "open" : (one.reason as SkeinError)._tag,
      )
      expect(tags.sort(), `seed ${seed}`).toEqual(["DirectoryInUse", "open"])
    }
  })

  it("finishes a creation that was cut off anywhere", async () => {
    const whole = newDisk()
    await (await openSimulated(whole, 1)).close()
    for (let at = 1; at < whole.operationCount; at++) {
      const disk = newDisk()
      disk.fault = ({ number }) => (number === at ? "crash" : undefined)
      await openSimulated(disk.process(), 1).catch(() => {})
      disk.fault = () => undefined
      disk.crash()
      const clock = new ManualClock()
      const opening = openSimulated(disk.process(), 2, { clock })
      const journal = await withTime([clock], opening)
      expect((await journal.openShard(1)).checkpoint.recordNumber, `cut at ${at}`).toBe(0)
      await journal.close()
    }
  })

  it("refuses a disk with too little room by figures, and leaves the place as it was", async () => {
    const least = leastBytes(64 * 1024, 4096)
    for (const made of [false, true]) {
      const disk = new SimulatedDisk({ random: new SeededRandom(1), capacityBytes: least - 1 })
      if (made) await disk.makeDirectory("/data")
      const error = await refusal(openSimulated(disk, 1))
      expect(error).toMatchObject({
        _tag: "DiskFull",
        data: { freeBytes: least - 1, wantedBytes: least },
      })
      expect(error.detail).toContain(`${least - 1} bytes are free, ${least} are wanted`)
      expect(disk.files()).toEqual([])
      expect(disk.existsSync("/data")).toBe(made)
    }
  })

  it("wants 84 MiB for a new fabric, as the help of the command says", () => {
    expect(leastBytes(limits.logUncleanedBytesMax, limits.logSegmentBytes)).toBe(84 * 1024 * 1024)
  })

  it("leaves no fabric behind when the disk fills up while it is made", async () => {
    const whole = newDisk()
    const operations: string[] = []
    whole.fault = ({ kind }) => {
      operations.push(kind)
      return undefined
    }
    await openSimulated(whole, 1)
    let undone = 0
    for (let at = 1; at <= operations.length; at++) {
      const disk = newDisk()
      // The sign of life comes first: before it is there, others may be at work.
      disk.fault = ({ number, path }) =>
        number === at && !path.includes("/alive") ? { errno: "ENOSPC" } : undefined
      const tag = await openSimulated(disk, 1).then(
        () => "open",
        (error: SkeinError) => error._tag,
      )
      if (tag === "open") continue
      expect(tag, `operation ${at}`).toBe("DiskFull")
      expect(disk.files(), `operation ${at}`).toEqual([])
      undone++
    }
    expect(undone).toBeGreaterThan(20)
  })

  it("takes a fabric that exists with less room: consuming makes some", async () => {
    const least = leastBytes(64 * 1024, 4096)
    const disk = new SimulatedDisk({ random: new SeededRandom(1), capacityBytes: least + 8192 })
    await (await openSimulated(disk, 1)).close()
    const ballast = await disk.open("/ballast", "create")
    await ballast.write(0, [new Uint8Array((await disk.freeBytes()) - 6000)])
    const journal = await openSimulated(disk, 2)
    await journal.openShard(0)
    await journal.close()
    await ballast.write(0, [new Uint8Array((await disk.freeBytes()) + (await ballast.size()))])
    const error = await refusal(openSimulated(disk, 3))
    expect(error).toMatchObject({ _tag: "DiskFull", data: { freeBytes: 0, wantedBytes: 4096 } })
    expect(disk.files()).toContain("/data/fabric.json")
  })
})
