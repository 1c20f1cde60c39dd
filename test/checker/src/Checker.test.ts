import { describe, expect, it } from "vitest"
import { Checker } from "./Checker.js"
import { type ProcessLog, randomHistory } from "./history/RandomHistory.js"
import { plantedViolations } from "./history/violations.js"
import { Prng } from "./Prng.js"
import { renderVerdict, type Verdict, type ViolationKind, violationKinds } from "./Verdict.js"

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

describe("planted violations", () => {
  const seeds = 60

  it("cover every kind", () => {
    const planted = new Set(plantedViolations.map(({ kind }) => kind))
    expect([...planted].sort()).toEqual(Object.keys(violationKinds).sort())
  })

  for (const { name, kind, alsoAllowed = [], plant } of plantedViolations) {
    it(`${kind}: ${name}`, () => {
      let planted = 0
      for (let seed = 1; seed <= seeds; seed++) {
        const prng = new Prng(`${name}/${seed}`)
        const logs = randomHistory(prng, { steps: 200 })
        if (!plant(logs, prng)) continue
        planted++
        const verdict = judgeLogs(logs)
        const where = `seed ${seed}\n${renderVerdict(verdict)}`
        expect(verdict.ok, where).toBe(false)
        expect(verdict.violations[kind], where).toBeGreaterThan(0)
        const reported = Object.entries(verdict.violations)
          .filter(([each, count]) => count > 0 && each !== kind)
          .map(([each]) => each as ViolationKind)
        expect(
          reported.filter((each) => !alsoAllowed.includes(each)),
          where,
        ).toEqual([])
      }
      expect(planted, "histories that offered a place").toBeGreaterThan(seeds / 4)
    })
  }
})

describe("the place of a loss", () => {
  const lines = (lost: ReadonlyArray<number>): Checker => {
    const checker = new Checker()
    const body = "0123456789ab"
    for (let counter = 0; counter < 10; counter++) {
      const id = `p-${counter}`
      const base = { process: "p", counter, queue: "q", timeNs: 1, id, producer: "p", body }
      checker.record({ ...base, op: "publish", phase: "invoke" })
      checker.record({ ...base, op: "publish", phase: "ok" })
      if (lost.includes(counter)) continue
      const tag = ["g", counter, 1, counter] as const
      const consumed = { process: "c", counter, queue: "q", timeNs: 2, id, tag }
      const counts = { redelivered: false, failed: 0, returned: 0, sinceNs: 1, body }
      checker.record({ ...consumed, ...counts, op: "deliver", phase: "ok" })
      checker.record({ ...consumed, op: "settle", phase: "invoke", kind: "ack" })
      checker.record({ ...consumed, op: "settle", phase: "ok", kind: "ack" })
    }
    const observed = { process: "o", counter: 0, queue: "q", timeNs: 3 }
    checker.record({ ...observed, op: "depth", phase: "ok", depth: 0 })
    return checker
  }

  it("is prefix, middle, postfix or whole", () => {
    const none = { queue: "q", lost: 0, prefix: 0, middle: 0, postfix: 0, whole: 0 }
    expect(lines([]).verdict().ok).toBe(true)
    expect(lines([]).verdict().lostInQueues).toEqual([])
    expect(lines([0, 1, 5, 9]).verdict().lostInQueues).toEqual([
      { ...none, lost: 4, prefix: 2, middle: 1, postfix: 1 },
    ])
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    expect(lines(all).verdict().lostInQueues).toEqual([{ ...none, lost: 10, whole: 10 }])
  })

  it("is not claimed while the queue holds messages", () => {
    const checker = lines([9])
    const observed = { process: "o", counter: 1, queue: "q", timeNs: 4 }
    checker.record({ ...observed, op: "depth", phase: "ok", depth: 1 })
    expect(checker.verdict().violations).toMatchObject({ lost: 0, depthNotZero: 1 })
  })
})

describe("an empty log", () => {
  it("proves nothing", () => {
    expect(new Checker().verdict().ok).toBe(false)
  })
})
