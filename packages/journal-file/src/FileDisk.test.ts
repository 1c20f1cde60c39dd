import * as fs from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DiskFailed } from "@skein/journal"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { fileDisk } from "./FileDisk.js"
import { unfitFileSystem } from "./FileSystemType.js"

let directory = ""
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "skein-disk-"))
})
afterEach(() => rm(directory, { recursive: true }))

type Callback = (
  error: NodeJS.ErrnoException | null,
  written: number,
  parts: readonly NodeJS.ArrayBufferView[],
) => void

/** Writes at most `most` bytes of the first part, as a system that is short of room does. */
const shortWritev = (most: number): typeof fs.writev => {
  const short = (fd: number, parts: readonly Uint8Array[], at: number, done: Callback) => {
    fs.write(fd, parts[0], 0, Math.min(most, parts[0].length), at, (error, written) =>
      done(error, written, parts),
    )
  }
  return short as typeof fs.writev
}

describe("the file disk", () => {
  it("goes on after short writes until everything is written", async () => {
    const parts = ["one", "", "twenty-two", "3"].map((text) => Buffer.from(text))
    for (const most of [1, 2, 3, 7]) {
      const file = await fileDisk(shortWritev(most)).open(join(directory, `f${most}`), "create")
      await file.write(5, parts)
      expect(Buffer.from(await file.read(5, 100)).toString()).toBe("onetwenty-two3")
      await file.close()
    }
  })

  it("says DiskFull for no room and a quota, DiskFailed with the errno for the rest", async () => {
    for (const [errno, expected] of [
      ["ENOSPC", { _tag: "DiskFull" }],
      ["EDQUOT", { _tag: "DiskFull" }],
      ["EIO", { _tag: "DiskFailed", errno: "EIO" }],
      ["EROFS", { _tag: "DiskFailed", errno: "EROFS" }],
    ] as const) {
      const failing = (_fd: number, parts: readonly Uint8Array[], _at: number, done: Callback) =>
        done(Object.assign(new Error(errno), { code: errno }), 0, parts)
      const disk = fileDisk(failing as typeof fs.writev)
      const file = await disk.open(join(directory, errno), "create")
      await expect(file.write(0, [Buffer.from("x")])).rejects.toMatchObject(expected)
      await file.close()
    }
  })

  it("knows network file systems by their type", () => {
    expect(unfitFileSystem(0x6969)).toContain("NFS")
    expect(unfitFileSystem(-11317950)).toContain("CIFS")
    expect(unfitFileSystem(0xef53)).toBeUndefined()
    expect(unfitFileSystem(0x01021994)).toBeUndefined()
  })

  it("gives up where no directory can be made", async () => {
    // On Linux the kernel says that nothing can be made there; elsewhere nobody may.
    const made = fileDisk().makeDirectory("/proc/foo/bar")
    await expect(made).rejects.toBeInstanceOf(DiskFailed)
  })
})
