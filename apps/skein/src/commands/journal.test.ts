import { cpSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { makeClient } from "@skein/client"
import { openNode } from "@skein/embedded/openNode"
import { expect, it } from "vitest"
import { RunningSkein } from "../testing/RunningSkein.js"
import { temporaryDirectory } from "../testing/temporary.js"

/** A directory with a queue of `count` messages, closed. */
const fabricWith = async (count: number): Promise<string> => (await fabricAndCrash(count)).dir

/** `crashed` is a copy of `dir` from before the node closed: as after a kill. */
const fabricAndCrash = async (
  count: number,
): Promise<{ readonly dir: string; readonly crashed: string }> => {
  const dir = temporaryDirectory()
  const crashed = temporaryDirectory()
  const node = await openNode({ storage: { dir }, shards: 2, version: "0.1.0" })
  const { broker, admin } = node.core
  const client = await makeClient(async () => ({
    broker,
    admin,
    closed: node.failed,
    close: async () => {},
  }))
  await client.declare("q")
  await client.queue("q").publishMany(Array.from({ length: count }, (_, at) => `message ${at}`))
  await client.close()
  cpSync(dir, crashed, { recursive: true })
  await node.close()
  return { dir, crashed }
}

const jsonOf = async (skein: RunningSkein, what: string, dir: string): Promise<unknown> =>
  skein.json("journal", what, dir)

it("verify: an intact directory is intact, and looking changes nothing", async () => {
  const skein = await RunningSkein.open()
  const dir = await fabricWith(10)
  const before = readdirSync(dir, { recursive: true })
  const { code, out, err } = await skein.run(["journal", "verify", dir])
  expect({ code, err }).toEqual({ code: 0, err: "" })
  expect(out).toMatch(/2 shards, 1 logs, \d+ records: intact\n$/)
  expect(await jsonOf(skein, "verify", dir)).toMatchObject({ isIntact: true, problems: [] })
  expect(readdirSync(dir, { recursive: true })).toEqual(before)
})

it("verify: a directory that is missing or foreign is told as what it is", async () => {
  const skein = await RunningSkein.open()
  const dir = temporaryDirectory()
  const foreign = await skein.run(["journal", "verify", dir])
  expect(foreign.code).not.toBe(0)
  expect(foreign.err).toContain(`${dir} holds no fabric\n`)
  expect(foreign.err).not.toContain("Choose an empty directory")
  const missing = await skein.run(["journal", "verify", join(dir, "gone")])
  expect(missing.err).toContain(`${join(dir, "gone")} is missing`)
})

it("verify: damage exits 8 and names the file", async () => {
  const skein = await RunningSkein.open()
  const dir = await fabricWith(100)
  const files = readdirSync(dir, { recursive: true }).map((name) => join(dir, String(name)))
  const checkpoints = files.filter((file) => /checkpoint\.\d+\.\d+$/.test(file))
  const largest = checkpoints.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? ""
  writeSync(
    openSync(largest, "r+"),
    Buffer.from([255, 255, 255]),
    0,
    3,
    statSync(largest).size >> 1,
  )
  const { code, err } = await skein.run(["journal", "verify", dir])
  expect(code).toBe(8)
  expect(err).toContain("damaged: s00")
})

it("digest: equal for equal facts, another one for others", async () => {
  const skein = await RunningSkein.open()
  const [one, more] = [await fabricWith(10), await fabricWith(11)]
  const digest = await jsonOf(skein, "digest", one)
  expect(await jsonOf(skein, "digest", one)).toEqual(digest)
  expect(await jsonOf(skein, "digest", more)).not.toEqual(digest)
  expect(digest).toHaveLength(2)
})

it("digest: a replay of the log and the checkpoint of the same facts agree", async () => {
  const skein = await RunningSkein.open()
  const { dir, crashed } = await fabricAndCrash(100)
  const digests = async (of: string) => {
    const rows = (await jsonOf(skein, "digest", of)) as { shard: number; digest: string }[]
    return rows.map(({ shard, digest }) => ({ shard, digest }))
  }
  expect(await digests(crashed)).toEqual(await digests(dir))
})

it("dump: every line is JSON, with shards and the events of records in words", async () => {
  const skein = await RunningSkein.open()
  const { crashed } = await fabricAndCrash(3)
  const { code, out } = await skein.run(["journal", "dump", crashed])
  expect(code).toBe(0)
  expect(out).toContain('"_tag":"QueueDeclared"')
  expect(out).toContain('"_tag":"FramePublished"')
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string })
  expect(lines.filter(({ kind }) => kind === "shard")).toHaveLength(2)
})

it("C3: what is no fabric is refused", async () => {
  const skein = await RunningSkein.open()
  const dir = temporaryDirectory()
  writeFileSync(join(dir, "notes.txt"), "mine")
  for (const what of ["verify", "digest", "dump"]) {
    const { code, err } = await skein.run(["journal", what, dir])
    expect(code).toBe(2)
    expect(err).toContain("SKEIN_DIRECTORY_FOREIGN")
  }
})
