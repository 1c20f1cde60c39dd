/**
 * Fills a backlog without a consumer, then consumes from its head while publishing goes on. The
 * windows lie in the second part; the fill has its own rate. At the end everything is consumed.
 */
import { ClosedLoop } from "../load/ClosedLoop.js"
import { clockMs, Rig } from "../load/Rig.js"
import { plainDemand, type Scenario } from "./Scenario.js"
import type { Settings } from "./Settings.js"
import { plannedSeconds, runWindows } from "./windows.js"

const drainSecondsMin = 60
/** Rates below this would not end in a sitting. */
const drainRateMin = 2000
const rateGuess = 100_000
const fillStepMs = 500

export const backlog: Scenario = {
  name: "backlog",
  summary: "--messages wait, then are consumed from the head while publishing goes on",
  reads: [
    "size",
    "batch",
    "queues",
    "producers",
    "consumers",
    "window",
    "await",
    "lag",
    "messages",
  ],
  dear: true,
  demand: (settings) => ({ ...plainDemand(settings), backlog: true }),
  secondsPlanned: (settings, windows) =>
    plannedSeconds(settings, windows) + (2 * settings.messages) / rateGuess,
  take: async (system, settings, windows, onStep) => {
    const rig = await Rig.start(system, settings.dir, settings.queues)
    try {
      const fillSeconds = await fill(rig, settings, (done) => onStep("filling", done / 3))
      const filled = rig.meter.published
      const rssFilledMiB = rig.sampler.rssMiB() ?? Number.NaN
      const limits = { ...settings, lag: filled + settings.lag }
      const publishers = await rig.publishers()
      const loop = new ClosedLoop(publishers, limits, rig.meter, clockMs, rig.onFailure)
      await rig.consume(settings.consumers, () => loop.consumed())
      loop.start()
      const laps = await runWindows(rig, settings, windows, (what, done) =>
        onStep(what, (1 + done) / 3),
      )
      await Promise.race([loop.stop(), rig.failed])
      onStep("draining", 2 / 3)
      await rig.drain(drainSecondsMin + rig.meter.published / drainRateMin)
      const facts = { filled, fillPerSecond: filled / fillSeconds, rssFilledMiB }
      return { laps, rssMaxMiB: rig.sampler.rssMaxMiB(), facts }
    } finally {
      await rig.close()
    }
  },
}

/** Publishes `settings.messages` messages and returns the seconds it took. */
export const fill = async (
  rig: Rig,
  settings: Settings,
  onDone: (done: number) => void,
): Promise<number> => {
  const startMs = clockMs()
  const limits = { ...settings, lag: Infinity, stopAfter: settings.messages }
  const publishers = await rig.publishers()
  const loop = new ClosedLoop(publishers, limits, rig.meter, clockMs, rig.onFailure)
  const timer = setInterval(() => onDone(rig.meter.published / settings.messages), fillStepMs)
  try {
    loop.start()
    await Promise.race([loop.whenIdle(), rig.failed])
  } finally {
    clearInterval(timer)
  }
  return (clockMs() - startMs) / 1000
}
