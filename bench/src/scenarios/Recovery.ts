/**
 * kill -9 of a broker that holds a backlog and is under load, then a start on the same data.
 * Each kill is one lap. From the moment the new process is spawned: `publishDelay` ends with the
 * first confirmed publish, `endToEnd` with the first delivery. Nothing here checks for loss.
 */

import { bodyMaker } from "../load/body.js"
import { ClosedLoop } from "../load/ClosedLoop.js"
import type { Lap } from "../load/Meter.js"
import { clockMs, Rig } from "../load/Rig.js"
import { Latency } from "../measure/Latency.js"
import { median } from "../measure/median.js"
import { fill } from "./Backlog.js"
import { type OnStep, plainDemand, type Scenario } from "./Scenario.js"
import type { Settings } from "./Settings.js"

const loadSeconds = 1
const servingSecondsMax = 120
const restartGuessSeconds = 5
const rateGuess = 100_000

export const recovery: Scenario = {
  name: "recovery",
  summary: "kill -9 under load with --messages waiting, until publish and delivery work again",
  reads: ["size", "batch", "queues", "producers", "consumers", "window", "await", "messages"],
  dear: true,
  demand: (settings) => ({ ...plainDemand(settings), backlog: true, restart: true }),
  secondsPlanned: (settings, kills) =>
    settings.messages / rateGuess + kills * (loadSeconds + restartGuessSeconds),
  take: async (system, settings, kills, onStep) => {
    const rig = await Rig.start(system, settings.dir, settings.queues)
    try {
      await fill(rig, settings, (done) => onStep("filling", done / 2))
      const laps: Lap[] = []
      let rssMaxMiB = rig.sampler.rssMaxMiB()
      for (let kill = 0; kill < kills; kill++) {
        onStep(`kill ${kill + 1} of ${kills}`, 0.5 + kill / kills / 2)
        rssMaxMiB = larger(rssMaxMiB, await loadForAWhile(rig, settings))
        laps.push(await crashOnce(rig, settings, onStep))
      }
      rssMaxMiB = larger(rssMaxMiB, rig.sampler.rssMaxMiB())
      return { laps, rssMaxMiB, facts: factsOf(laps) }
    } finally {
      await rig.close()
    }
  },
}

/** Leaves the load running, so that the kill meets publishes in flight; returns the peak RSS. */
const loadForAWhile = async (rig: Rig, settings: Settings): Promise<number | null> => {
  const publishers = await rig.publishers()
  const limits = { ...settings, lag: Infinity }
  const loop = new ClosedLoop(publishers, limits, rig.meter, clockMs, rig.onFailure)
  await rig.consume(settings.consumers, () => loop.consumed())
  loop.start()
  await rig.hold(loadSeconds)
  return rig.sampler.rssMaxMiB()
}

const crashOnce = async (rig: Rig, settings: Settings, onStep: OnStep): Promise<Lap> => {
  await rig.crash()
  const startMs = clockMs()
  await rig.restart()
  const queue = rig.queues[0]!
  const publisher = await rig.session.publisher(queue)
  const confirmed = publisher
    .publish([bodyMaker(settings.size)(clockMs())])
    .then(() => clockMs() - startMs)
  const delivered = new Promise<number>((resolve, reject) => {
    rig.session.consumer(queue, 1, () => resolve(clockMs() - startMs)).catch(reject)
  })
  const late = rig.hold(servingSecondsMax).then(() => {
    throw new Error(`${rig.system.name}: not serving ${servingSecondsMax} s after its start`)
  })
  const [confirmMs, deliveryMs] = await Promise.race([Promise.all([confirmed, delivered]), late])
  onStep(`serving after ${Math.round(Math.max(confirmMs, deliveryMs))} ms`, 0.5)
  return lapOf(confirmMs, deliveryMs)
}

const lapOf = (confirmMs: number, deliveryMs: number): Lap => {
  const [delay, endToEnd] = [new Latency(), new Latency()]
  delay.record(confirmMs)
  endToEnd.record(deliveryMs)
  const publish = new Latency()
  return { seconds: 0, published: 0, consumed: 0, publish, endToEnd, delay, cpuSeconds: null }
}

const factsOf = (laps: readonly Lap[]): Record<string, number> => {
  const serving = laps.map(({ delay, endToEnd }) =>
    Math.max(delay.percentiles()!.max, endToEnd.percentiles()!.max),
  )
  return { servingMs: median(serving), servingMsMax: Math.max(...serving) }
}

const larger = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b)
