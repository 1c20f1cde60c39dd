import { describe, expect, it } from "vitest"
import { Checker } from "./Checker.js"
import { type ProcessLog, randomHistory } from "./history/RandomHistory.js"
import { Prng } from "./Prng.js"
import { renderVerdict, type Verdict } from "./Verdict.js"

const judgeLogs = (logs: ReadonlyArray<ProcessLog>): Verdict => {
  const checker = new Checker()
  for (const log of logs) {
    for (const record of log.records) checker.line(JSON.stringify(record), log.process)
    if (log.torn !== undefined) checker.tornLine()
  }
  return checker.verdict()
}

describe("correct histories", () => {
  it("are valid", () => {
    const total = { redeliveries: 0, unknownButStored: 0, refused: 0, tornLines: 0 }
    for (let seed = 1; seed <= 300; seed++) {
      const verdict = judgeLogs(randomHistory(new Prng(seed)))
      expect(verdict.ok, `seed ${seed}\n${renderVerdict(verdict)}`).toBe(true)
      total.redeliveries += verdict.figures.redeliveries
      total.unknownButStored += verdict.figures.unknownButStored
      total.refused += verdict.figures.refused
      total.tornLines += verdict.figures.tornLines
    }
    for (const [what, count] of Object.entries(total)) expect(count, what).toBeGreaterThan(50)
  })
})
