/** Owns: what every Disk does, the real one and the simulated one alike. */
import { strict as assert } from "node:assert"
import { DiskFailed, isMissing } from "../Disk.js"
import type { Case, DiskDriver } from "./Suite.js"

const bytes = (text: string) => Buffer.from(text)
const text = (read: Uint8Array) => Buffer.from(read).toString()

const refusal = async (work: Promise<unknown>): Promise<DiskFailed> => {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof DiskFailed, String(error))
    return error
  }
  assert.fail("it should have been refused")
}

export const diskSuite: readonly Case<DiskDriver>[] = [
  {
    name: "writes parts at positions and reads them back",
    run: async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, "create")
      await file.write(3, [bytes("one"), bytes(""), bytes("two")])
      await file.write(0, [bytes("000")])
      assert.equal(text(await file.read(0, 9)), "000onetwo")
      assert.equal(text(await file.read(6, 100)), "two")
      assert.equal((await file.read(9, 5)).length, 0)
      assert.equal(await file.size(), 9)
      await file.write(5, [bytes("X")])
      await file.sync()
      assert.equal(text(await file.read(0, 9)), "000onXtwo")
      await file.close()
    },
  },
  {
    name: "writes more parts than one call of the system takes",
    run: async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, "create")
      const parts = Array.from({ length: 3000 }, (_, at) => bytes(`${at},`))
      await file.write(0, parts)
      const whole = Buffer.concat(parts)
      assert.deepEqual(Buffer.from(await file.read(0, whole.length + 1)), whole)
      await file.close()
    },
  },
  {
    name: "a gap before a write reads as zeros; truncate cuts and extends",
    run: async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, "create")
      await file.write(4, [bytes("x")])
      assert.deepEqual([...(await file.read(0, 5))], [0, 0, 0, 0, 120])
      await file.truncate(2)
      assert.equal(await file.size(), 2)
      await file.truncate(6)
      assert.deepEqual([...(await file.read(0, 6))], [0, 0, 0, 0, 0, 0])
      await file.close()
    },
  },
  {
    name: "create refuses a file that exists, read and write one that does not",
    run: async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, "create")
      await file.close()
      assert.equal((await refusal(disk.open(`${directory}/a`, "create"))).errno, "EEXIST")
      assert.ok(isMissing(await refusal(disk.open(`${directory}/b`, "read"))))
      assert.ok(isMissing(await refusal(disk.open(`${directory}/b`, "write"))))
      assert.ok(isMissing(await refusal(disk.unlink(`${directory}/b`))))
      assert.ok(isMissing(await refusal(disk.rename(`${directory}/b`, `${directory}/c`))))
      assert.ok(isMissing(await refusal(disk.list(`${directory}/none`))))
    },
  },
  {
    name: "rename replaces, an open file follows its name",
    run: async ({ disk, directory }) => {
      const a = await disk.open(`${directory}/a`, "create")
      await a.write(0, [bytes("a")])
      const b = await disk.open(`${directory}/b`, "create")
      await b.close()
      await disk.rename(`${directory}/a`, `${directory}/b`)
      await disk.syncDirectory(directory)
      assert.deepEqual(await disk.list(directory), ["b"])
      assert.equal(disk.existsSync(`${directory}/a`), false)
      assert.equal(disk.existsSync(`${directory}/b`), true)
      await a.write(1, [bytes("z")])
      const again = await disk.open(`${directory}/b`, "read")
      assert.equal(text(await again.read(0, 9)), "az")
      await again.close()
      await a.close()
    },
  },
  {
    name: "a file that is unlinked can be read and written by who has it open",
    run: async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, "create")
      await file.write(0, [bytes("still here")])
      await disk.unlink(`${directory}/a`)
      assert.equal(text(await file.read(0, 99)), "still here")
      await file.write(0, [bytes("STILL")])
      await file.sync()
      assert.deepEqual(await disk.list(directory), [])
      await file.close()
    },
  },
  {
    name: "directories: parents are made, a full one is not removed or renamed over",
    run: async ({ disk, directory }) => {
      await disk.makeDirectory(`${directory}/x/y/z`)
      await disk.makeDirectory(`${directory}/x/y/z`)
      const file = await disk.open(`${directory}/x/y/z/f`, "create")
      await file.close()
      assert.equal((await refusal(disk.removeDirectory(`${directory}/x/y/z`))).errno, "ENOTEMPTY")
      await disk.makeDirectory(`${directory}/x/y/w`)
      const other = await disk.open(`${directory}/x/y/w/g`, "create")
      await other.close()
      const over = await refusal(disk.rename(`${directory}/x/y/w`, `${directory}/x/y/z`))
      assert.ok(["ENOTEMPTY", "EEXIST"].includes(over.errno), over.errno)
      await disk.unlink(`${directory}/x/y/z/f`)
      await disk.rename(`${directory}/x/y/w`, `${directory}/x/y/z`)
      assert.deepEqual(await disk.list(`${directory}/x/y/z`), ["g"])
      assert.equal((await refusal(disk.makeDirectory(`${directory}/x/y/z/g`))).errno, "ENOTDIR")
    },
  },
  {
    name: "tells free bytes, and whether the place is fit",
    run: async ({ disk, directory }) => {
      assert.ok((await disk.freeBytes(directory)) > 0)
      assert.equal(await disk.unfit(directory), undefined)
    },
  },
]
