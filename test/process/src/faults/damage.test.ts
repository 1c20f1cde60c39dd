/** A damaged data directory under the real command: the place is named, the other shards serve. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { SkeinClient } from "@skein/client"
import { expect, it } from "vitest"
import { clientOf, node, run, serve, temporaryDirectory } from "../cli/Command.js"
import type { ProcessUnderTest } from "../ProcessUnderTest.js"

/** As many queues as shards, so that each lies in its own; `q2` is the one to be damaged. */
const names = ["q0", "q1", "q2", "q3"]
const start = (dir: string): Promise<ProcessUnderTest> => node(serve("--shards", "4"), dir)

/** A directory with messages in every shard; how its node ended decides what lies where. */
const filled = async (end: "kill" | "terminate"): Promise<string> => {
  const dir = temporaryDirectory()
  const before = await start(dir)
  const client = await clientOf(before.address)
  for (const name of names) await client.declare(name)
  for (const name of [...names, ...names]) await client.queue(name).publish(`text of ${name}`)
  await before[end]()
  return dir
}

const shardOf = async (client: SkeinClient, name: string): Promise<number> =>
  (await client.show(name)).shard

/** The journal's records of one shard, in order. */
const recordsOf = async (dir: string, shard: string): Promise<Dumped[]> => {
  const { code, out } = await run(["journal", "dump", dir])
  expect(code).toBe(0)
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Dumped)
    .filter((entry) => entry.kind === "record" && entry.shard === shard)
}

interface Dumped {
  readonly kind: string
  readonly shard: string
  readonly file: string
  readonly offset: number
}

/** Changes the bytes of a file from an offset on. */
const change = (file: string, at: number, bytes: Uint8Array): void => {
  const stored = readFileSync(file)
  stored.set(bytes, at)
  writeFileSync(file, stored)
}

const filesOf = (dir: string, shard: string, kind: string): string[] =>
  readdirSync(join(dir, "shards", shard))
    .filter((name) => name.startsWith(`${kind}.`))
    .map((name) => join(dir, "shards", shard, name))

/** All but the damaged shard's queue give what was confirmed and take more. */
const expectOthersServe = async (started: ProcessUnderTest, damaged: string): Promise<void> => {
  const client = await clientOf(started.address)
  expect((await client.status()).shardsOpen).toBe(3)
  for (const name of names.filter((each) => each !== damaged)) {
    const { counts } = await client.show(name)
    expect(counts.ready).toBe(2)
    await client.queue(name).publish("more")
  }
  await expect(client.show(damaged)).rejects.toMatchObject({ code: "SKEIN_SHARD_CORRUPT" })
  const refused = client.queue(damaged).publish("more")
  await expect(refused).rejects.toMatchObject({ code: "SKEIN_SHARD_CORRUPT" })
}

it("D3: a flipped bit is found by verify with file and offset; other shards serve", async () => {
  const dir = await filled("kill")
  const [, published] = await recordsOf(dir, "s002")
  if (published === undefined) throw new Error("the shard has no record of a publish")
  const { file, offset } = published
  const at = readFileSync(file).indexOf("text of q2", offset)
  change(file, at, Uint8Array.of((readFileSync(file)[at] ?? 0) ^ 1))

  const { code, err } = await run(["journal", "verify", dir])
  expect(code).toBe(8)
  expect(err).toContain("s002")
  expect(err).toContain(`${file} at ${offset}, `)
  const started = await start(dir)
  expect(started.stderr).toContain(`${file} at ${offset}, `)
  await expectOthersServe(started, "q2")
})

it("D3: a torn tail is cut, its bytes are reported, and everything before it serves", async () => {
  const dir = await filled("kill")
  // As a power cut leaves a write that was never synced: its beginning, then zeros.
  const last = (await recordsOf(dir, "s003")).at(-1)
  if (last === undefined) throw new Error("the shard has no record")
  const size = readFileSync(last.file).length
  change(last.file, last.offset + 100, new Uint8Array(size - last.offset - 100))

  const verified = await run(["journal", "verify", dir])
  expect(verified.code).toBe(0)
  expect(verified.err).toMatch(/torn tail: .* at \d+: \d+ bytes torn/)
  const started = await start(dir)
  expect(started.stderr).toMatch(/s003: \d+ bytes of an unfinished write were cut/)
  const client = await clientOf(started.address)
  expect(await shardOf(client, "q3")).toBe(3)
  const ready = await Promise.all(names.map(async (name) => (await client.show(name)).counts.ready))
  expect(ready).toEqual([2, 2, 2, 1])
  await client.queue("q3").publish("more")
  await started.terminate()
  expect((await run(["journal", "verify", dir])).code).toBe(0)
})

it("D3: a missing segment is named by verify; the other shards serve", async () => {
  const dir = await filled("kill")
  // The next owner's cleaner copies the former one's log into segments of the shards.
  const cleaner = await start(dir)
  const client = await clientOf(cleaner.address)
  while (filesOf(dir, "s002", "segment").length === 0) await client.status()
  await cleaner.terminate()
  const [segment, ...more] = filesOf(dir, "s002", "segment")
  if (segment === undefined || more.length > 0) throw new Error("expected one segment")
  rmSync(segment)

  const { code, err } = await run(["journal", "verify", dir])
  expect(code).toBe(8)
  expect(err).toContain(segment)
  const started = await start(dir)
  expect(started.stderr).toContain(segment)
  await expectOthersServe(started, "q2")
  const { out } = await run(["node", "status", "--tree", "--address", started.address])
  expect(out).toMatch(/─ s002 +ended +0 +ShardEnded: s002/)
})

it("D3: a missing log segment is named by verify, and no shard pretends to be empty", async () => {
  const dir = await filled("kill")
  const [first] = await recordsOf(dir, "s000")
  if (first === undefined) throw new Error("the catalog has no record")
  rmSync(first.file)
  const { code, err } = await run(["journal", "verify", dir])
  expect(code).toBe(8)
  for (const shard of ["s000", "s001", "s002", "s003"]) expect(err).toContain(`damaged: ${shard}`)
  const started = await start(dir)
  const client = await clientOf(started.address)
  expect((await client.status()).shardsOpen).toBe(0)
  await expect(client.declare("q0")).rejects.toMatchObject({ code: "SKEIN_SHARD_CORRUPT" })
})

it("D4: a damaged checkpoint falls back to the one before, or refuses its shard", async () => {
  const dir = await filled("terminate")
  const checkpoints = filesOf(dir, "s002", "checkpoint")
  const newest = checkpoints.at(-1)
  if (newest === undefined) throw new Error("the shard has no checkpoint")
  const bytes = readFileSync(newest)
  change(newest, bytes.length >> 1, Uint8Array.of((bytes[bytes.length >> 1] ?? 0) ^ 1))
  const { code, err } = await run(["journal", "verify", dir])
  expect(code).toBe(8)
  expect(err).toContain(newest)
  const started = await start(dir)
  await expectOthersServe(started, "q2")
})
