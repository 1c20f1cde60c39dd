import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeClient } from "@skein/client"
import { openNode } from "@skein/embedded/openNode"
import type { Disk } from "@skein/journal"
import { digestDirectory, fileDisk, verifyDirectory } from "@skein/journal-file"
import { skeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { digestShard } from "../journal/digestShard.js"
import { fullDisk } from "../testing/fullDisk.js"
import { temporaryDirectory } from "../testing/temporary.js"
import { BackupDirectory } from "./BackupDirectory.js"
import { type RestoreOptions, restoreBackup } from "./restoreBackup.js"
import { takeBackup } from "./takeBackup.js"
import { verifyBackup } from "./verifyBackup.js"

const shards = 2
const quiet = new AbortController().signal
/** So small that the cleaner copies frames and makes checkpoints all the time. */
const journal = { segmentBytes: 256 * 1024, uncleanedBytesMax: 1024 * 1024 }

const home = mkdtempSync(join(tmpdir(), "skein-backup-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))
let backup: BackupDirectory
let whole = 0

/** A backup of some MiB, of two shards, some of it settled. */
beforeAll(async () => {
  const node = await openNode({ storage: { memory: true }, shards, version: "0.1.0" })
  const { broker, admin } = node.core
  const client = await makeClient(async () => ({
    broker,
    admin,
    closed: node.failed,
    close: async () => {},
  }))
  for (const name of ["a", "b", "c"]) {
    await client.declare(name)
    for (let frame = 0; frame < 80; frame++) {
      const bodies = Array.from({ length: 10 }, (_, at) => `${frame} ${at} `.padEnd(5_000, "x"))
      await client.queue(name).publishMany(bodies)
    }
    const consumer = await client.queue(name).consume()
    const batch = await consumer.take()
    await batch?.ack()
    await consumer.close()
  }
  const { fabricId } = await client.status()
  backup = await BackupDirectory.begin(fileDisk(), home, {
    ...{ fabricId, shards, version: "0.1.0" },
  })
  await takeBackup(backup, {
    beginBackup: (shard) => client.beginBackup(shard),
    readBackup: (request) => client.readBackup(request),
    ...{ signal: quiet, nowMs: () => performance.now(), patienceMs: 10_000 },
    pause: () => Promise.resolve(),
    onBytes: (_shard, bytes) => {
      whole += bytes
    },
    onAgain: (_shard, why) => {
      throw why
    },
  })
  await backup.finish()
  await client.close()
  await node.close()
  expect(whole).toBeGreaterThan(5_000_000)
})

const restore = async (dir: string, more: Partial<RestoreOptions> = {}) => {
  const verified = await verifyBackup(backup, { signal: quiet })
  const options = { dir, journal, signal: quiet, onBytes: () => {}, ...more }
  return { verified, ...(await restoreBackup(backup, verified, options)) }
}

const problemsIn = async (dir: string): Promise<readonly string[]> => {
  const problems: string[] = []
  for await (const found of verifyDirectory(dir)) {
    if (found.kind === "shard") problems.push(...found.problems)
    if (found.kind === "log") problems.push(...found.damages)
  }
  return problems
}

const digestsIn = async (dir: string): Promise<readonly string[]> => {
  const digests: string[] = []
  for await (const { digest } of digestDirectory(dir, digestShard)) digests.push(digest)
  return digests
}

/** Stops the restore when so many bytes were read of it. */
const stopAfter = (bytesMax: number) => {
  const stop = new AbortController()
  let bytes = 0
  const onBytes = (more: number): void => {
    bytes += more
    if (bytes >= bytesMax) stop.abort()
  }
  return { signal: stop.signal, onBytes }
}

it("C7: a restore goes through the cleaner and ends with the digests of the backup", async () => {
  const dir = temporaryDirectory()
  const { verified } = await restore(dir)
  expect(await digestsIn(dir)).toEqual(verified.map(({ digest }) => digest))
  expect(await problemsIn(dir)).toEqual([])
}, 60_000)

it("C7: no node starts on half a restore; it goes on, wherever it was cut", async () => {
  const parts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(parts, async (cuts) => {
      const dir = temporaryDirectory()
      for (const part of cuts) {
        const cut = restore(dir, stopAfter(part * whole * 0.999))
        await expect(cut).rejects.toThrow("aborted")
        const node = openNode({ storage: { dir }, version: "0.1.0" })
        await expect(node).rejects.toMatchObject({ _tag: "RestoreUnfinished" })
      }
      const { verified } = await restore(dir)
      expect(await digestsIn(dir)).toEqual(verified.map(({ digest }) => digest))
      expect(await problemsIn(dir)).toEqual([])
      const node = await openNode({ storage: { dir }, version: "0.1.0" })
      const peeked = await node.core.admin.peek({ name: "c", messagesMax: 1_000 })
      const { total } = (await node.core.admin.show("c")).counts
      await node.close()
      expect(peeked).toHaveLength(total)
    }),
    { numRuns: 3 },
  )
}, 120_000)

it("C7: half a restore of another backup is left as it is", async () => {
  const dir = temporaryDirectory()
  await expect(restore(dir, stopAfter(whole / 2))).rejects.toThrow("aborted")
  const { manifest } = backup
  const other = Object.create(backup, { manifest: { value: { ...manifest, backupId: "other" } } })
  const options = { dir, signal: quiet, onBytes: () => {} }
  const mixed = restoreBackup(other, await verifyBackup(backup, options), options)
  await expect(mixed).rejects.toMatchObject({ _tag: "RestoreUnfinished" })
})

it("C7: a full disk ends a restore; with room the same one goes on", async () => {
  const dir = temporaryDirectory()
  const limited = fullDisk(whole)
  await expect(restore(dir, { disk: limited.disk })).rejects.toMatchObject({ _tag: "DiskFull" })
  limited.room = Number.POSITIVE_INFINITY
  const { verified } = await restore(dir, { disk: limited.disk })
  expect(await digestsIn(dir)).toEqual(verified.map(({ digest }) => digest))
}, 60_000)

it("C7: a full disk at a closing checkpoint ends a restore; with room it goes on", async () => {
  const dir = temporaryDirectory()
  let isFull = true
  const inner = fileDisk()
  const disk: Disk = {
    ...inner,
    open: async (path, how) => {
      if (isFull && how === "create" && path.includes("/s001/checkpoint.")) {
        throw skeinError("DiskFull", `open ${path}: ENOSPC`)
      }
      return inner.open(path, how)
    },
  }
  await expect(restore(dir, { disk })).rejects.toMatchObject({ _tag: "DiskFull" })
  isFull = false
  const { verified } = await restore(dir, { disk })
  expect(await digestsIn(dir)).toEqual(verified.map(({ digest }) => digest))
}, 60_000)

it("C7: a full disk ends a backup, which keeps what is finished and goes on", async () => {
  const limited = fullDisk(5_000)
  const source = { fabricId: "f".repeat(32), shards: 3, version: "0.1.0" }
  const begin = () => BackupDirectory.begin(limited.disk, dir, source)
  const dir = temporaryDirectory()
  const frames = [{ generation: 1, first: 1, bytes: new Uint8Array(3_000) }]
  const facts = { cut: "1.1", epoch: 1, recordNumber: 1, journalMs: 1, chunks: 0, chunkBytes: 0 }
  const take = async (into: BackupDirectory) =>
    takeBackup(into, {
      beginBackup: async (shard) => ({ ...facts, shard, frames: 1, frameBytes: 3_000, aside: [] }),
      readBackup: async ({ page }) => ({
        chunks: [],
        frames: page === 1 ? frames : [],
        last: page === 2,
      }),
      ...{ signal: quiet, nowMs: () => 0, patienceMs: 1_000, pause: () => Promise.resolve() },
      ...{ onBytes: () => {}, onAgain: () => {} },
    })
  await expect(take(await begin())).rejects.toMatchObject({ _tag: "DiskFull" })
  expect(readdirSync(dir).sort()).toEqual(["backup.json", "s001.shard"])
  limited.room = Number.POSITIVE_INFINITY
  const resumed = await begin()
  expect(resumed.manifest.done.map(({ shard }) => shard)).toEqual([1])
  await take(resumed)
  expect(resumed.manifest.done.map(({ shard }) => shard)).toEqual([0, 1, 2])
})
