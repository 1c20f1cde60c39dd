import { describe, expect, it } from "vitest"
import type { Lap } from "./load/Meter.js"
import { Latency } from "./measure/Latency.js"
import { race, roundsFor, summarize, windowsPerRound } from "./Race.js"
import type { System, SystemName } from "./System.js"
import type { Scenario } from "./scenarios/Scenario.js"
import { numberFlags, type Settings } from "./scenarios/Settings.js"

const systemOf = (name: SystemName): System => ({
  name,
  durability: "none",
  absent: async () => undefined,
  unfit: () => undefined,
  version: async () => ({ version: "1.0.0" }),
  start: async () => {
    throw new Error("not started in this test")
  },
})

const lapOf = (consumed: number, ms: number): Lap => {
  const endToEnd = new Latency()
  endToEnd.record(ms)
  return {
    seconds: 2,
    published: consumed,
    consumed,
    publish: new Latency(),
    endToEnd,
    delay: new Latency(),
    cpuSeconds: 0.5,
  }
}

const settings = {
  ...Object.fromEntries(Object.entries(numberFlags).map(([name, flag]) => [name, flag.fallback])),
  await: false,
  dir: "/data",
} as Settings

const scenarioOf = (take: Scenario["take"]): Scenario => ({
  name: "throughput",
  summary: "",
  reads: [],
  dear: false,
  demand: () => ({ queues: 1, consumers: 1, backlog: false, restart: false }),
  secondsPlanned: () => 1,
  take,
})

describe("race", () => {
  it("starts the systems in turns and splits the windows over the turns", async () => {
    const order: string[] = []
    const scenario = scenarioOf(async (system, _settings, windows) => {
      order.push(`${system.name}:${windows}`)
      return { laps: [lapOf(100, 1)], rssMaxMiB: 10, facts: {} }
    })
    const systems = [systemOf("skein"), systemOf("nats")]
    const { measured } = await race(scenario, systems, { ...settings, rounds: 3 }, () => undefined)
    expect(order).toEqual(["skein:2", "nats:2", "skein:2", "nats:2", "skein:2", "nats:2"])
    expect(measured.map(({ windows }) => windows)).toEqual([3, 3])
  })

  it("leaves a failing system out, names it, and goes on with the others", async () => {
    const scenario = scenarioOf(async (system) => {
      if (system.name === "nats") throw new Error("no disk")
      return { laps: [lapOf(100, 1)], rssMaxMiB: null, facts: {} }
    })
    const systems = [systemOf("nats"), systemOf("skein")]
    const { measured, failed } = await race(scenario, systems, settings, () => undefined)
    expect(measured.map(({ system }) => system.name)).toEqual(["skein"])
    expect(failed.map(({ message }) => message)).toEqual(["no disk"])
  })

  it("reports progress that never falls", async () => {
    const done: number[] = []
    const scenario = scenarioOf(async (_system, _settings, _windows, onStep) => {
      onStep("half", 0.5)
      return { laps: [], rssMaxMiB: null, facts: {} }
    })
    const systems = [systemOf("skein"), systemOf("nats")]
    await race(scenario, systems, settings, (_what, share) => done.push(share))
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(done.at(-1)).toBeLessThanOrEqual(1)
  })
})

describe("rounds", () => {
  it("interleave cheap scenarios of several systems window by window", () => {
    const cheap = scenarioOf(async () => ({ laps: [], rssMaxMiB: null, facts: {} }))
    expect(roundsFor(cheap, settings, 3)).toBe(5)
    expect(roundsFor(cheap, settings, 1)).toBe(1)
    expect(roundsFor({ ...cheap, dear: true }, settings, 3)).toBe(1)
    expect(roundsFor(cheap, { ...settings, rounds: 2 }, 1)).toBe(2)
    expect(windowsPerRound(settings, 2)).toBe(3)
  })
})

describe("summarize", () => {
  it("takes the median of rates, merges latencies, sums CPU, keeps the largest peak", () => {
    const takes = [
      { laps: [lapOf(100, 1), lapOf(900, 2)], rssMaxMiB: 50, facts: { listMs: 3 } },
      { laps: [lapOf(200, 30)], rssMaxMiB: 70, facts: { listMs: 5 } },
    ]
    const result = summarize(systemOf("skein"), takes)
    expect(result.consumeRate).toBe(100)
    expect(result.endToEnd.count).toBe(3)
    expect(result.endToEnd.percentiles()!.max).toBe(30)
    expect(result).toMatchObject({ cpuSeconds: 1.5, rssMaxMiB: 70, facts: { listMs: 4 } })
  })

  it("has no rate without timed laps and no CPU when one lap does not know it", () => {
    const untimed = { ...lapOf(5, 1), seconds: 0, cpuSeconds: null }
    const takes = [{ laps: [untimed], rssMaxMiB: null, facts: {} }]
    const none = { publishRate: null, consumeRate: null, cpuSeconds: null, rssMaxMiB: null }
    expect(summarize(systemOf("skein"), takes)).toMatchObject(none)
  })
})
