import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeClient } from "@skein/client"
import { openNode } from "@skein/embedded/openNode"
import { digestDirectory, fileDisk, verifyDirectory } from "@skein/journal-file"
import { FastCheck as fc } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { digestShard } from "../journal/digestShard.js"
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
})

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
    { numRuns: 4 },
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
