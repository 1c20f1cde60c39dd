import { mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { commitModel, ManualClock, ModelTenant, modelRecord, SeededRandom } from "@skein/journal"
import { describe, expect, it, onTestFinished } from "vitest"
import { openFileJournal } from "./openFileJournal.js"
import { verifyDirectory } from "./verifyDirectory.js"

const open = (dir: string, seed: number) =>
  openFileJournal({
    dir,
    random: new SeededRandom(seed),
    clock: new ManualClock(),
    shards: 2,
    segmentBytes: 64 * 1024,
    uncleanedBytesMax: 256 * 1024,
    processRuns: () => false,
  })

/** A fabric with a record and a checkpoint in each shard, and a place outside of it. */
const fabric = async () => {
  const root = mkdtempSync(join(tmpdir(), "skein-links-"))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const dir = join(root, "data")
  const journal = await open(dir, 1)
  for (const shard of [0, 1]) {
    const tenant = await ModelTenant.open(await journal.openShard(shard))
    await commitModel(journal, tenant, modelRecord("a", [[1, 1, new Uint8Array(9)]]))
  }
  await journal.close()
  /** Puts a link in its place, to where it lies now. */
  const moveAway = (path: string) => {
    renameSync(join(dir, path), join(root, "outside"))
    symlinkSync(join(root, "outside"), join(dir, path))
    return join(dir, path)
  }
  return { root, dir, moveAway }
}

describe("a symbolic link inside a data directory", () => {
  it("in place of a directory is refused by its path, and nothing is read through it", async () => {
    const { dir: any } = await fabric()
    const [log] = readdirSync(join(any, "logs"))
    expect(log).toBeDefined()
    for (const path of ["shards/s001", "shards", "logs", "manager", "alive", `logs/${log}`]) {
      const { dir, moveAway } = await fabric()
      const link = moveAway(path)
      const refused = { _tag: "DirectoryForeign", detail: expect.stringContaining(link) }
      await expect(open(dir, 2), path).rejects.toMatchObject(refused)
      const verified = async () => {
        for await (const _one of verifyDirectory(dir));
      }
      await expect(verified(), path).rejects.toMatchObject(refused)
    }
  })

  it("in place of the only directory of an unfinished fabric is refused, too", async () => {
    const { root } = await fabric()
    const dir = join(root, "new")
    symlinkSync(join(root, "data"), dir)
    // The place itself may be a link: whoever names it has chosen it.
    await (await open(dir, 2)).close()
    const empty = mkdtempSync(join(root, "empty-"))
    symlinkSync(join(root, "data", "shards"), join(empty, "shards"))
    await expect(open(empty, 3)).rejects.toMatchObject({ _tag: "DirectoryForeign" })
  })

  it("in place of a shard's file refuses that shard; the other serves", async () => {
    const { dir, moveAway } = await fabric()
    const shard = join("shards", "s001")
    const name = readdirSync(join(dir, shard)).find((one) => one.startsWith("checkpoint."))
    const link = moveAway(join(shard, name ?? ""))
    const journal = await open(dir, 2)
    const refused = { _tag: "ShardCorrupt", detail: expect.stringContaining(link) }
    await expect(journal.openShard(1)).rejects.toMatchObject(refused)
    expect((await ModelTenant.open(await journal.openShard(0))).history).toBe("a;")
    await journal.close()
  })
})
