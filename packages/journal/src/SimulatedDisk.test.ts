import { strict as assert } from "node:assert"
import { describe, expect, it } from "vitest"
import { conformance, registerDrivers } from "./conformance/index.js"
import { SeededRandom } from "./SeededRandom.js"
import { SimulatedDisk } from "./SimulatedDisk.js"

registerDrivers("simulated", {
  disk: async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    await disk.makeDirectory("/d")
    return { disk, directory: "/d", dispose: async () => {} }
  },
})

const write = async (disk: SimulatedDisk, path: string, text: string, sync: boolean) => {
  const file = await disk.open(path, disk.existsSync(path) ? "write" : "create")
  await file.write(0, [Buffer.from(text)])
  if (sync) await file.sync()
}
const read = (disk: SimulatedDisk, path: string) => Buffer.from(disk.contentOf(path)).toString()

describe("the simulated disk", () => {
  for (const { name, run } of conformance("simulated")) it(name, run)

  it("keeps over a crash what was synced, always", async () => {
    for (let seed = 0; seed < 100; seed++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
      await disk.makeDirectory("/d")
      await write(disk, "/d/a", "synced", true)
      await disk.syncDirectory("/d")
      await write(disk, "/d/b", "new file", true)
      disk.crash()
      expect(read(disk, "/d/a")).toBe("synced")
    }
  })

  it("sometimes loses, tears, keeps or reorders what was not synced", async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
      await disk.makeDirectory("/d")
      await write(disk, "/d/a", "oooooooo", true)
      await disk.syncDirectory("/d")
      await write(disk, "/d/a", "nnnnnnnn", false)
      await disk.rename("/d/a", "/d/b")
      disk.crash()
      const [name] = await disk.list("/d")
      const content = read(disk, `/d/${name}`)
      const kind = content === "oooooooo" ? "old" : content === "nnnnnnnn" ? "new" : "torn"
      seen.add(`${name} ${kind}`)
    }
    expect([...seen].sort()).toEqual(["a new", "a old", "a torn", "b new", "b old", "b torn"])
  })

  it("does the same for the same seed", async () => {
    const run = async () => {
      const disk = new SimulatedDisk({ random: new SeededRandom(5) })
      await disk.makeDirectory("/d")
      for (let at = 0; at < 20; at++)
        await write(disk, `/d/${at}`, "x".repeat(at * 999), at % 3 === 0)
      disk.crash()
      return disk.files().map((path) => `${path} ${read(disk, path)}`)
    }
    expect(await run()).toEqual(await run())
  })

  it("kills open files at a crash and at a kill; a kill loses nothing", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    await disk.makeDirectory("/d")
    const file = await disk.open("/d/a", "create")
    await file.write(0, [Buffer.from("abc")])
    disk.kill()
    await assert.rejects(file.write(0, [Buffer.from("x")]), /EBADF/)
    await assert.rejects(file.sync(), /EBADF/)
    expect(read(disk, "/d/a")).toBe("abc")
  })

  it("is full at its capacity, after writing what fits", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1), capacityBytes: 10 })
    await disk.makeDirectory("/d")
    const file = await disk.open("/d/a", "create")
    await assert.rejects(file.write(0, [Buffer.from("0123456789abc")]), /SKEIN_DISK_FULL/)
    expect(read(disk, "/d/a")).toBe("0123456789")
    await file.write(
      0,
      [Buffer.from("overwriting")].map((part) => part.subarray(0, 10)),
    )
    expect(await disk.freeBytes()).toBe(0)
  })

  it("injects what it is told: errors, short writes, a crash at an operation", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1), record: true })
    await disk.makeDirectory("/d")
    const file = await disk.open("/d/a", "create")
    disk.fault = ({ kind }) => (kind === "sync" ? { errno: "EIO" } : undefined)
    await assert.rejects(file.sync(), { name: "DiskFailed", errno: "EIO" })
    disk.fault = ({ kind }) => (kind === "write" ? { short: 2, errno: "EIO" } : undefined)
    await assert.rejects(file.write(0, [Buffer.from("abc")]), { errno: "EIO" })
    expect(read(disk, "/d/a")).toBe("ab")
    disk.fault = () => "crash"
    await assert.rejects(file.sync(), { errno: "ECRASH" })
    expect(disk.operations.map(({ kind }) => kind)).toEqual([
      "makeDirectory",
      "open",
      "sync",
      "write",
      "sync",
    ])
  })
})
