import { describe, expect, it } from "vitest"
import { moveRun } from "./testkit/MoveRun.js"

const runs = Number(process.env.SKEIN_CRASH_RUNS ?? 500)
const firstSeed = Number(process.env.SKEIN_CRASH_SEED ?? 1)

describe("planned moves between two processes that die, on a disk that loses its power", () => {
  it(`${runs} runs lose nothing confirmed and take up nothing else`, {
    timeout: 600_000,
  }, async () => {
    const sums = { confirmed: 0, crashes: 0, deaths: 0, moves: 0, putOff: 0 }
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const result = await moveRun(seed)
      // A run never leaves the microtasks; the test runner wants to hear something.
      await new Promise((resolve) => setImmediate(resolve))
      sums.confirmed += result.confirmed
      sums.crashes += result.crashes
      sums.deaths += result.deaths
      sums.moves += result.moves
      sums.putOff += result.putOff
    }
    const { confirmed, crashes, deaths, moves, putOff } = sums
    process.stdout.write(
      `${runs} runs, ${crashes} power cuts, ${deaths} deaths, ${moves} moves, ` +
        `${putOff} put off, ${confirmed} confirmed records, 0 lost\n`,
    )
    expect(crashes).toBeGreaterThan(runs / 2)
    expect(moves).toBeGreaterThan(runs)
    expect(deaths).toBeGreaterThan(runs / 4)
  })

  it("does the same for the same seed", async () => {
    expect(await moveRun(4711)).toEqual(await moveRun(4711))
  })
})
