import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openNode } from "@skein/embedded/openNode"
import { skeinError } from "@skein/model"
import type { PeekedMessage } from "@skein/wire"
import { expect, it } from "vitest"
import { RunningSkein } from "../testing/RunningSkein.js"
import { temporaryDirectory } from "../testing/temporary.js"

const shards = 3
const names = ["a", "b", "c", "d"]

/** Queues in every shard, with what a message can have. */
const fill = async (skein: RunningSkein): Promise<void> => {
  const client = await skein.newClient()
  for (const name of names) {
    await client.declare(name, { dedupWindowMs: 3_600_000, leaseMs: 3_600_000 })
    const messages = Array.from({ length: 30 }, (_, at) => ({ at, text: "x".repeat(at * 50) }))
    await client.queue(name).publishMany(messages)
    await client
      .queue(name)
      .publish("special", { key: "k", headers: { h: "1" }, dedupId: `${name}-1` })
  }
  await client.close()
}

const opened = async (): Promise<RunningSkein> => {
  const skein = await RunningSkein.open({}, { shards })
  await fill(skein)
  return skein
}

/** A whole backup of a fabric with messages. */
const backedUp = async (): Promise<{ readonly skein: RunningSkein; readonly dir: string }> => {
  const skein = await opened()
  const dir = join(temporaryDirectory(), "backup")
  expect((await skein.run(["backup", dir])).code).toBe(0)
  return { skein, dir }
}

const contents = async (
  admin: RunningSkein["admin"],
): Promise<ReadonlyMap<string, readonly PeekedMessage[]>> => {
  const found = new Map<string, readonly PeekedMessage[]>()
  for (const { name } of (await admin.list()).queues) {
    found.set(name, await admin.peek({ name, messagesMax: 1_000 }))
  }
  return found
}

const codeOf = (err: string): string => /SKEIN_[A-Z_]+/.exec(err)?.[0] ?? err

const failure = async (skein: RunningSkein, ...argv: readonly string[]) => {
  const { code, err } = await skein.run(argv)
  return [code, codeOf(err)]
}

const edited = (dir: string, change: (manifest: Record<string, unknown>) => void): void => {
  const path = join(dir, "backup.json")
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>
  change(manifest)
  writeFileSync(path, JSON.stringify(manifest))
}

interface NotedShard {
  readonly shard: number
}

it("C7: restored are the same queues, messages, ids and windows; leases are gone", async () => {
  const skein = await opened()
  const before = await contents(skein.admin)
  const client = await skein.newClient()
  const consumer = await client.queue("a").consume()
  const batch = await consumer.take()
  const held = batch?.messages.length ?? 0
  expect(held).toBeGreaterThan(0)
  const [backup, data] = [temporaryDirectory(), temporaryDirectory()]
  expect(await skein.json("backup", backup)).toMatchObject({ shards, kept: 0, aside: [] })
  await client.close()
  expect(await skein.json("backup", backup, "--verify")).toMatchObject({ shards, aside: [] })
  expect(await skein.json("restore", backup, "--dir", data)).toMatchObject({ kept: 0, dropped: 0 })

  const restored = await RunningSkein.open({}, { dir: data })
  const after = await contents(restored.admin)
  expect([...after.keys()]).toEqual(names)
  for (const [name, messages] of before) {
    const plain = messages.map((message) => ({ ...message, redelivered: name === "a" }))
    expect(after.get(name)).toEqual(plain)
  }
  expect((await restored.admin.show("a")).counts).toMatchObject({ ready: 31, leased: 0 })
  const again = await restored.newClient()
  await again.queue("b").publish("special", { dedupId: "b-1" })
  expect((await again.show("b")).counts).toMatchObject({ total: 31, duplicates: 1 })
  await again.declare("e")
  await again.queue("e").publish("new")
  expect((await again.show("e")).counts.total).toBe(1)
  const generations = (await again.list()).queues.map(({ generation }) => generation)
  expect(new Set(generations).size).toBe(5)
  await again.close()
})

it("C7: a restored fabric has another id, and epochs above those of the backup", async () => {
  const { skein, dir } = await backedUp()
  const data = temporaryDirectory()
  const { fabricId } = (await skein.json("restore", dir, "--dir", data)) as { fabricId: string }
  expect(fabricId).not.toBe((await skein.admin.status()).fabricId)
  const noted = JSON.parse(readFileSync(join(dir, "backup.json"), "utf8")) as {
    done: { shard: number; epoch: number }[]
  }
  for (const { shard, epoch } of noted.done) {
    const [owner] = readdirSync(join(data, "shards", `s00${shard}`)).filter((name) =>
      name.startsWith("owner."),
    )
    expect(Number(owner?.split(".")[1])).toBeGreaterThan(epoch)
  }
})

it("C7: no backup, a whole one, or one of another fabric is refused", async () => {
  const { skein, dir } = await backedUp()
  expect(await failure(skein, "backup", dir)).toEqual([2, "SKEIN_BACKUP_INVALID"])
  const other = await opened()
  edited(dir, (manifest) => {
    delete manifest.endedAt
  })
  expect(await failure(other, "backup", dir)).toEqual([2, "SKEIN_BACKUP_INVALID"])
  const foreign = temporaryDirectory()
  writeFileSync(join(foreign, "notes.txt"), "mine")
  expect(await failure(skein, "backup", foreign)).toEqual([2, "SKEIN_BACKUP_INVALID"])
  expect(await failure(skein, "backup", foreign, "--verify")).toEqual([2, "SKEIN_BACKUP_INVALID"])
  expect(await failure(skein, "restore", foreign, "--dir", temporaryDirectory())).toEqual([
    2,
    "SKEIN_BACKUP_INVALID",
  ])
  expect(readdirSync(foreign)).toEqual(["notes.txt"])
})

it("C7: a directory that cannot be written is named", async () => {
  const skein = await opened()
  const file = join(temporaryDirectory(), "file")
  writeFileSync(file, "")
  for (const dir of [file, join(file, "below"), "/proc/skein-backup"]) {
    const { code, err } = await skein.run(["backup", dir])
    expect([code, codeOf(err)]).toEqual([2, "SKEIN_DIRECTORY_UNUSABLE"])
    expect(err).toContain(dir)
  }
})

it("C7: a backup of another version or shard count is refused", async () => {
  const { skein, dir } = await backedUp()
  const copy = temporaryDirectory()
  cpSync(dir, copy, { recursive: true })
  edited(copy, (manifest) => {
    manifest.formatVersion = 2
  })
  expect(await failure(skein, "restore", copy, "--dir", temporaryDirectory())).toEqual([
    2,
    "SKEIN_BACKUP_INVALID",
  ])
  const less = temporaryDirectory()
  cpSync(dir, less, { recursive: true })
  edited(less, (manifest) => {
    manifest.shards = 2
    manifest.done = (manifest.done as NotedShard[]).filter(({ shard }) => shard < 2)
    delete manifest.endedAt
  })
  expect(await failure(skein, "backup", less)).toEqual([2, "SKEIN_BACKUP_INVALID"])
})

it("C7: an unfinished backup is neither verified nor restored, and goes on", async () => {
  const { skein, dir } = await backedUp()
  // As a kill leaves it: s000 was being written.
  edited(dir, (manifest) => {
    delete manifest.endedAt
    manifest.done = (manifest.done as NotedShard[]).filter(({ shard }) => shard !== 0)
  })
  const whole = readFileSync(join(dir, "s000.shard"))
  rmSync(join(dir, "s000.shard"))
  writeFileSync(join(dir, "s000.shard.part"), whole.subarray(0, whole.length >> 1))
  expect(await failure(skein, "backup", dir, "--verify")).toEqual([2, "SKEIN_BACKUP_INVALID"])
  expect(await failure(skein, "restore", dir, "--dir", temporaryDirectory())).toEqual([
    2,
    "SKEIN_BACKUP_INVALID",
  ])
  expect(await skein.json("backup", dir)).toMatchObject({ kept: 2 })
  expect((await skein.run(["backup", dir, "--verify"])).code).toBe(0)
  expect(readdirSync(dir).filter((name) => name.endsWith(".part"))).toEqual([])
})

it("C7: damage is found wherever it is, before anything is restored", async () => {
  const { skein, dir } = await backedUp()
  const path = join(dir, "s001.shard")
  const whole = readFileSync(path)
  const data = temporaryDirectory()
  const damages = [
    ...Array.from({ length: 40 }, (_, at) => Math.floor((whole.length * (at + 0.5)) / 40)),
    ...[0, 16, 17, 20, 24, whole.length - 1],
  ].map((at) => {
    const bytes = Buffer.from(whole)
    bytes[at] ^= 1 << (at % 8)
    return bytes
  })
  const cuts = [0, 10, 16, 30, whole.length >> 1, whole.length - 1].map((at) =>
    whole.subarray(0, at),
  )
  for (const bytes of [...damages, ...cuts, Buffer.concat([whole, Buffer.alloc(9)])]) {
    writeFileSync(path, bytes)
    const { code, err } = await skein.run(["restore", dir, "--dir", data])
    expect([code, codeOf(err)]).toEqual([8, "SKEIN_BACKUP_DAMAGED"])
    expect(err).toContain("s001.shard")
  }
  expect(readdirSync(data)).toEqual([])
  rmSync(path)
  expect(await failure(skein, "backup", dir, "--verify")).toEqual([8, "SKEIN_BACKUP_DAMAGED"])
  writeFileSync(join(dir, "backup.json"), '{"magic":"skein backup","formatVersion":1}')
  expect(await failure(skein, "backup", dir, "--verify")).toEqual([8, "SKEIN_BACKUP_DAMAGED"])
  writeFileSync(join(dir, "backup.json"), "{")
  expect(await failure(skein, "backup", dir, "--verify")).toEqual([8, "SKEIN_BACKUP_DAMAGED"])
})

it("C7: files of two backups are not taken for one", async () => {
  const { skein, dir } = await backedUp()
  const second = temporaryDirectory()
  const client = await skein.newClient()
  await client.declare("late")
  await client.queue("late").publish("late")
  await client.delete("b")
  await client.close()
  expect((await skein.run(["backup", second])).code).toBe(0)
  /** The first backup with files of the second, each with its note. */
  const mixed = (taken: readonly number[]): string => {
    const into = temporaryDirectory()
    cpSync(dir, into, { recursive: true })
    const notes = JSON.parse(readFileSync(join(second, "backup.json"), "utf8")) as {
      done: NotedShard[]
    }
    for (const shard of taken) {
      cpSync(join(second, `s00${shard}.shard`), join(into, `s00${shard}.shard`))
      edited(into, (manifest) => {
        const done = manifest.done as NotedShard[]
        manifest.done = done.map((one) => (one.shard === shard ? notes.done[shard] : one))
      })
    }
    return into
  }
  // A catalog that is older than what it should know.
  expect(await failure(skein, "backup", mixed([1, 2]), "--verify")).toEqual([
    8,
    "SKEIN_BACKUP_DAMAGED",
  ])
  // One that is newer is what a backup under way has: what was deleted meanwhile stays away.
  const data = temporaryDirectory()
  expect(await skein.json("restore", mixed([0]), "--dir", data)).toMatchObject({ dropped: 1 })
  const restored = await RunningSkein.open({}, { dir: data })
  expect([...(await contents(restored.admin)).keys()]).toEqual(["a", "c", "d", "late"])
})

it("C7: a shard whose owner ends in the middle is begun again, not for ever", async () => {
  const skein = await opened()
  const { readBackup } = skein.admin
  let failures = 2
  let reads = 0
  Object.assign(skein.admin, {
    readBackup: async (request: Parameters<typeof readBackup>[0]) => {
      reads += 1
      if (reads % 2 === 0 && failures-- > 0) throw skeinError("BackupEnded", "a new owner")
      return readBackup.call(skein.admin, request)
    },
  })
  const dir = temporaryDirectory()
  const { code, err } = await skein.run(["backup", dir])
  expect(code).toBe(0)
  expect(err.match(/s001 begins again: a new owner/g)).toHaveLength(2)
  expect((await skein.run(["backup", dir, "--verify"])).code).toBe(0)
  Object.assign(skein.admin, {
    readBackup: () => Promise.reject(skeinError("BackupEnded", "a new owner")),
  })
  let nowMs = 0
  const late = await skein.run(["backup", temporaryDirectory()], { nowMs: () => (nowMs += 10_000) })
  expect([late.code, codeOf(late.err)]).toEqual([6, "SKEIN_BACKUP_ENDED"])
})

it("C7: Ctrl-C leaves what is finished, and the next run goes on with it", async () => {
  const skein = await opened()
  const { readBackup } = skein.admin
  const stop = new AbortController()
  let reads = 0
  Object.assign(skein.admin, {
    readBackup: async (request: Parameters<typeof readBackup>[0]) => {
      // s001 takes three pages here, and the last of s002 is not read any more.
      if (++reads === 5) stop.abort()
      return readBackup.call(skein.admin, request)
    },
  })
  const dir = temporaryDirectory()
  const { code, err } = await skein.run(["backup", dir], { signal: stop.signal })
  expect([code, codeOf(err)]).toEqual([130, "SKEIN_ABORTED"])
  expect(readdirSync(dir).sort()).toEqual(["backup.json", "s001.shard"])
  expect(await skein.json("backup", dir)).toMatchObject({ kept: 1 })
  expect((await skein.run(["backup", dir, "--verify"])).code).toBe(0)
})

it("C7: a fabric that is not empty is not restored into, nor is a foreign directory", async () => {
  const { skein, dir } = await backedUp()
  const data = temporaryDirectory()
  const node = await openNode({ storage: { dir: data }, shards: 1, version: "0.1.0" })
  expect(await failure(skein, "restore", dir, "--dir", data)).toEqual([2, "SKEIN_FABRIC_NOT_EMPTY"])
  await node.close()
  expect(await failure(skein, "restore", dir, "--dir", data)).toEqual([2, "SKEIN_FABRIC_NOT_EMPTY"])
  const foreign = temporaryDirectory()
  mkdirSync(join(foreign, "photos"))
  expect(await failure(skein, "restore", dir, "--dir", foreign)).toEqual([
    2,
    "SKEIN_DIRECTORY_FOREIGN",
  ])
  expect(readdirSync(foreign)).toEqual(["photos"])
})

it("C7: a queue that is set aside is left out and named, and the exit code says so", async () => {
  const skein = await opened()
  const { beginBackup } = skein.admin
  Object.assign(skein.admin, {
    beginBackup: async (shard: number) => {
      const head = await beginBackup.call(skein.admin, shard)
      return shard === 1 ? { ...head, aside: [7] } : head
    },
  })
  const dir = temporaryDirectory()
  const { code, err } = await skein.run(["backup", dir])
  expect(code).toBe(8)
  expect(err).toContain("left out, because it is set aside: s001: the queue of generation 7")
})
