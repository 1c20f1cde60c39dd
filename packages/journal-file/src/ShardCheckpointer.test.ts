import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ManualClock, ModelTenant, SeededRandom } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { openFileJournal } from "./openFileJournal.js"
import { commitFrame } from "./testkit/commitFrame.js"

/** Files in `dir` that are open and have no name any more: their room is not given back. */
const openAndDeleted = (dir: string): string[] => {
  const paths = readdirSync("/proc/self/fd").map(pathOf)
  return paths.filter((path) => path.startsWith(dir) && path.endsWith(" (deleted)"))
}

const pathOf = (fd: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return "closed meanwhile"
  }
}

describe("a published checkpoint", () => {
  it("gives back the room of segments that were read and are needed no longer", async (context) => {
    if (process.platform !== "linux") context.skip("open files are listed in /proc only on Linux")
    const dir = mkdtempSync(join(tmpdir(), "skein-sweep-"))
    const journal = await openFileJournal({
      dir,
      random: new SeededRandom(9),
      clock: new ManualClock(),
      shared: true,
      shards: 1,
      segmentBytes: 64 * 1024,
      cacheBytesMax: 1,
    })
    let opened = await journal.openShard(0)
    let tenant = await ModelTenant.open(opened)
    for (let first = 1; first <= 40; first++)
      await commitFrame(journal, tenant, { publish: first, bytes: 4096 })
    await journal.clean()
    await tenant.readAll()
    await opened.close()
    opened = await journal.openShard(0)
    tenant = await ModelTenant.open(opened)
    const drop = Array.from({ length: 36 }, (_, at) => at + 1)
    await commitFrame(journal, tenant, { drop })
    // A first look, a second that sees no change and copies, a third that deletes.
    for (let pass = 1; pass <= 3; pass++) await journal.clean()
    expect((await tenant.readAll()).size).toBe(4)
    expect(openAndDeleted(dir)).toEqual([])
    await journal.close()
    const still = readdirSync("/proc/self/fd").filter((fd) => pathOf(fd).startsWith(dir))
    expect(still).toEqual([])
    rmSync(dir, { recursive: true })
  })
})
