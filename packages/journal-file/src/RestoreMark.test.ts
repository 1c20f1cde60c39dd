import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { fileDisk } from "./FileDisk.js"
import { openFileJournal } from "./openFileJournal.js"
import { RestoreMark } from "./RestoreMark.js"

const directory = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "skein-mark-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

it("while it is there no journal opens the directory, but that of the restore", async () => {
  const dir = directory()
  const mark = new RestoreMark(fileDisk(), dir)
  expect(await mark.read()).toBeUndefined()
  await mark.write("one")
  await mark.write("two")
  expect(await mark.read()).toBe("two")
  for (const shared of [false, true]) {
    const opened = openFileJournal({ dir, shared, shards: 2 })
    await expect(opened).rejects.toMatchObject({ _tag: "RestoreUnfinished" })
  }
  expect(readdirSync(dir)).toEqual(["restoring.json"])
  const own = await openFileJournal({ dir, shards: 2, restoring: { epochs: [0, 41] } })
  // What is half restored is no reason to begin anew, as a fabric would be.
  expect(await mark.read()).toBe("two")
  expect((await own.openShard(0)).epoch).toBe(1)
  expect((await own.openShard(1)).epoch).toBe(42)
  await own.close()
  await mark.remove()
  await mark.remove()
  const later = await openFileJournal({ dir })
  expect((await later.openShard(1)).epoch).toBe(43)
  await later.close()
})

it("a fabric, the beginning of one, and another program's files are no place for it", async () => {
  const fabric = directory()
  await (await openFileJournal({ dir: fabric, shards: 1 })).close()
  const begun = directory()
  mkdirSync(join(begun, "alive"))
  for (const dir of [fabric, begun]) {
    const found = new RestoreMark(fileDisk(), dir).read()
    await expect(found).rejects.toMatchObject({ _tag: "FabricNotEmpty" })
  }
  const foreign = directory()
  writeFileSync(join(foreign, "notes"), "")
  const found = new RestoreMark(fileDisk(), foreign).read()
  await expect(found).rejects.toMatchObject({ _tag: "DirectoryForeign" })
})

it("one that was cut off while it was written is none", async () => {
  const dir = directory()
  writeFileSync(join(dir, "restoring.json.new.tmp"), "ha")
  const mark = new RestoreMark(fileDisk(), dir)
  expect(await mark.read()).toBeUndefined()
  await mark.write("whole")
  expect(readdirSync(dir)).toEqual(["restoring.json"])
})
