import {
  commitModel,
  ManualClock,
  ModelTenant,
  modelRecord,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { isSkeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { openSimulated, settle } from "./testkit/openSimulated.js"
import { verifyDirectory } from "./verifyDirectory.js"

const body = (first: number) => new SeededRandom(first).bytes(30 + (first % 40))

/** A directory of some KB with all in it: a taken-over log, segments, checkpoints, a tail. */
const smallDirectory = async (): Promise<SimulatedDisk> => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  let first = 1
  for (let life = 1; life <= 2; life++) {
    const clock = new ManualClock()
    const journal = await openSimulated(disk.process(), life, { clock })
    const tenants: ModelTenant[] = []
    for (const shard of [0, 1]) tenants.push(await ModelTenant.open(await journal.openShard(shard)))
    for (let round = 0; round < 6; round++) {
      for (const tenant of tenants) {
        const drop = round % 3 === 2 ? [[1, first - 2] as const] : []
        await commitModel(
          journal,
          tenant,
          modelRecord(`${life}.${round}`, [[1, first, body(first)]], drop),
        )
        first++
      }
      if (life === 2 && round === 3) await journal.clean()
    }
    // Quiet for two looks: the last batch gets its mark.
    for (let tick = 0; tick < 3; tick++) {
      clock.advance(1000)
      await settle()
    }
    disk.kill()
  }
  return disk
}

interface State {
  readonly history: string
  readonly frames: string
}

const describeTenant = async (tenant: ModelTenant): Promise<State> => {
  const bodies = await tenant.readAll()
  const frames = [...bodies].map(([key, bytes]) => `${key}:${Buffer.from(bytes).toString("hex")}`)
  return { history: tenant.history, frames: frames.sort().join() }
}

/** What each shard says: its state, or the tag by which it refuses. */
const recover = async (disk: SimulatedDisk): Promise<(State | string)[]> => {
  const states: (State | string)[] = []
  try {
    const journal = await openSimulated(disk.process(), 99)
    for (const shard of [0, 1]) {
      try {
        states.push(await describeTenant(await ModelTenant.open(await journal.openShard(shard))))
      } catch (error) {
        if (!isSkeinError(error)) throw error
        states.push(error._tag)
      }
    }
    return states
  } catch (error) {
    if (!isSkeinError(error)) throw error
    return [error._tag, error._tag]
  }
}

const check = async (
  disk: SimulatedDisk,
  path: string,
  content: Uint8Array | undefined,
  whole: readonly (State | string)[],
  what: string,
): Promise<boolean> => {
  const damaged = disk.copy(new SeededRandom(2))
  if (content === undefined) await damaged.unlink(path)
  else damaged.damage(path, content)
  const states = await recover(damaged)
  for (const shard of [0, 1]) {
    const state = states[shard]
    const other = path.includes(`/s00${1 - shard}/`)
    if (typeof state === "string") {
      expect(["ShardCorrupt", "DirectoryForeign"], `${path} ${what}`).toContain(state)
      expect(other, `${path} ${what}: damage of one shard refuses the other`).toBe(false)
    } else expect(state, `${path} ${what}`).toEqual(whole[shard])
  }
  return states.some((state) => typeof state === "string")
}

/** Every byte where something was written, and some of the zeros. */
const bytesToTry = (content: Uint8Array): number[] => {
  let end = content.length
  while (end > 0 && content[end - 1] === 0) end--
  return Array.from({ length: Math.min(content.length, end + 32) }, (_, at) => at)
}

const allBits = process.env.SKEIN_ALL_BITS === "1"

describe("a damaged data directory", () => {
  it("is recovered whole or refused: every flipped byte", { timeout: 3_600_000 }, async () => {
    const disk = await smallDirectory()
    const whole = await recover(disk.copy(new SeededRandom(2)))
    expect(whole.every((state) => typeof state === "object")).toBe(true)
    const random = new SeededRandom(3)
    let tried = 0
    let refused = 0
    for (const path of disk.files()) {
      if (path.startsWith("/data/alive")) continue
      const content = disk.contentOf(path)
      for (const at of bytesToTry(content)) {
        const bits = allBits ? [0, 1, 2, 3, 4, 5, 6, 7] : [random.below(8)]
        for (const bit of bits) {
          const flipped = Uint8Array.from(content)
          flipped[at] ^= 1 << bit
          tried++
          if (await check(disk, path, flipped, whole, `bit ${bit} of ${at}`)) refused++
        }
      }
    }
    process.stdout.write(`${tried} flips, ${refused} refused, the others recovered whole\n`)
    expect(refused).toBeGreaterThan(tried / 4)
  })

  it("is recovered whole or refused: every length and every missing file", {
    timeout: 3_600_000,
  }, async () => {
    const disk = await smallDirectory()
    const whole = await recover(disk.copy(new SeededRandom(2)))
    let tried = 0
    for (const path of disk.files()) {
      if (path.startsWith("/data/alive")) continue
      const content = disk.contentOf(path)
      const lengths = bytesToTry(content).filter((at) => at % (allBits ? 1 : 7) === 0)
      for (const length of [...lengths, content.length - 1]) {
        if (length < 0) continue
        tried++
        await check(disk, path, content.subarray(0, length), whole, `cut to ${length}`)
      }
      if (path.includes("fabric.json")) continue
      await check(disk, path, undefined, whole, "missing")
    }
    process.stdout.write(`${tried} lengths\n`)
  })

  it("verify reports a missing directory of logs as damage", async () => {
    const disk = await smallDirectory()
    for (const path of disk.files()) if (path.startsWith("/data/logs/")) await disk.unlink(path)
    for (const name of await disk.list("/data/logs"))
      await disk.removeDirectory(`/data/logs/${name}`)
    await disk.removeDirectory("/data/logs")
    const damages: string[] = []
    for await (const item of verifyDirectory("/data", disk)) {
      if (item.kind === "log") damages.push(...item.damages)
    }
    expect(damages).toEqual(["/data/logs is missing"])
  })

  it("verify names the file and the offset, and changes nothing", async () => {
    const disk = await smallDirectory()
    const problems = async (of: SimulatedDisk) => {
      const found: string[] = []
      for await (const item of verifyDirectory("/data", of)) {
        if (item.kind === "shard") found.push(...item.problems)
        if (item.kind === "log") found.push(...item.damages)
      }
      return found
    }
    expect(await problems(disk)).toEqual([])
    for (const path of disk.files()) {
      if (!/\/(checkpoint|segment)\.|\/log\.00000001/.test(path)) continue
      const damaged = disk.copy(new SeededRandom(2))
      const content = Uint8Array.from(disk.contentOf(path))
      content[40] ^= 4
      damaged.damage(path, content)
      const before = damaged.files().map((file) => [file, damaged.contentOf(file)])
      const found = await problems(damaged)
      if (!path.includes("checkpoint.1")) expect(found.join("\n"), path).toContain(path)
      expect(damaged.files().map((file) => [file, damaged.contentOf(file)])).toEqual(before)
    }
  })
})
