import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeClient, type SkeinClient } from "@skein/client"
import { type Disk, DiskFailed, type DiskFile } from "@skein/journal"
import { fileDisk } from "@skein/journal-file"
import { isSkeinError } from "@skein/model"
import { expect, it, onTestFinished } from "vitest"
import { openEmbedded } from "./openEmbedded.js"

/** A disk whose syncs fail with EIO from the moment `break` is called. */
const breakableDisk = (): { readonly disk: Disk; readonly breakNow: () => void } => {
  const real = fileDisk()
  let isBroken = false
  const wrapped = (file: DiskFile): DiskFile => ({
    path: file.path,
    read: (...args) => file.read(...args),
    write: (...args) => file.write(...args),
    size: () => file.size(),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    sync: () =>
      isBroken ? Promise.reject(new DiskFailed("fdatasync", file.path, "EIO")) : file.sync(),
  })
  const disk: Disk = {
    ...real,
    open: async (path, how) => wrapped(await real.open(path, how)),
  }
  return {
    disk,
    breakNow: () => {
      isBroken = true
    },
  }
}

const tagOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "resolved",
    (cause: unknown) => (isSkeinError(cause) ? cause._tag : String(cause)),
  )

const brokenClient = async (): Promise<{ client: SkeinClient; breakNow: () => void }> => {
  const dir = mkdtempSync(join(tmpdir(), "skein-embedded-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const { disk, breakNow } = breakableDisk()
  const { open, close } = await openEmbedded({ dir, shards: 2 }, disk)
  onTestFinished(() => close().catch(() => {}))
  return { client: await makeClient(open), breakNow }
}

it("EIO on a sync: nothing more is confirmed, and each later call gets FabricClosed", async () => {
  const { client, breakNow } = await brokenClient()
  await client.declare("q")
  await client.queue("q").publish("stored")
  breakNow()
  const tags = await Promise.all([
    tagOf(client.queue("q").publish("lost 1")),
    tagOf(client.queue("q").publish("lost 2")),
  ])
  expect(tags).toEqual(["FabricClosed", "FabricClosed"])
  expect(await tagOf(client.show("q"))).toBe("FabricClosed")
  expect(await tagOf(client.status())).toBe("FabricClosed")
  expect(await tagOf(client.declare("other"))).toBe("FabricClosed")
})

it("EIO ends consumers that wait", async () => {
  const { client, breakNow } = await brokenClient()
  await client.declare("q")
  const consumer = await client.queue("q").consume()
  const waiting = tagOf(consumer.take())
  breakNow()
  await tagOf(client.declare("other"))
  expect(await waiting).toBe("FabricClosed")
})
