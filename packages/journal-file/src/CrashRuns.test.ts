import { lyingDisk } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { crashRun } from "./testkit/CrashRun.js"

const runs = Number(process.env.SKEIN_CRASH_RUNS ?? 2000)
const firstSeed = Number(process.env.SKEIN_CRASH_SEED ?? 1)

describe("power cuts at random operations, on a disk that forgets what was not synced", () => {
  it(`${runs} runs lose nothing confirmed and take up nothing else`, {
    timeout: 600_000,
  }, async () => {
    let confirmed = 0
    let crashes = 0
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const result = await crashRun({ seed })
      // A run never leaves the microtasks; the test runner wants to hear something.
      await new Promise((resolve) => setImmediate(resolve))
      confirmed += result.confirmed
      crashes += result.crashes
    }
    process.stdout.write(
      `${runs} runs, ${crashes} power cuts, ${confirmed} confirmed records, 0 lost\n`,
    )
    expect(crashes).toBeGreaterThan(runs)
  })

  it("a build whose fdatasync does nothing loses confirmed records", async () => {
    let lost = 0
    for (let seed = 1; seed <= 20; seed++) {
      await crashRun({ seed, wrap: lyingDisk }).catch(() => lost++)
    }
    expect(lost).toBeGreaterThan(10)
  })

  it("does the same for the same seed", async () => {
    expect(await crashRun({ seed: 4711 })).toEqual(await crashRun({ seed: 4711 }))
  })
})
