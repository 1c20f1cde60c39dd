/** A fixed rate, open loop: how long until confirmed, how long until consumed. */
import { Metronome } from "../load/Metronome.js"
import { OpenLoop } from "../load/OpenLoop.js"
import { clockMs, Rig } from "../load/Rig.js"
import { Schedule } from "../load/Schedule.js"
import { plainDemand, type Scenario } from "./Scenario.js"
import type { Settings } from "./Settings.js"
import { plannedSeconds, runWindows } from "./windows.js"

const drainSecondsMax = 60
const tickMsMin = 0.25
const tickMsMax = 1
/** Beyond this the broker is far behind: the wait becomes publish delay, not memory. */
const inFlightMax = 100_000

export const latency: Scenario = {
  name: "latency",
  summary: "open loop at --rate; times from the intended moment (no coordinated omission)",
  reads: ["size", "rate", "queues", "consumers"],
  dear: false,
  demand: plainDemand,
  secondsPlanned: plannedSeconds,
  take: async (system, settings, windows, onStep) => {
    const rig = await Rig.start(system, settings.dir, settings.queues)
    try {
      await rig.consume(settings.consumers, () => undefined)
      const load = await steadyLoad(rig, settings)
      try {
        const laps = await runWindows(rig, settings, windows, onStep)
        await Promise.race([load.stop(), rig.failed])
        await rig.drain(drainSecondsMax)
        return { laps, rssMaxMiB: rig.sampler.rssMaxMiB(), facts: {} }
      } finally {
        await load.end()
      }
    } finally {
      await rig.close()
    }
  },
}

export interface SteadyLoad {
  /** Sends nothing more; resolves when all is confirmed. */
  stop(): Promise<void>
  /** Ends the metronome; harmless to repeat. */
  end(): Promise<void>
}

/** An open loop that runs by itself at `settings.rate`. */
export const steadyLoad = async (rig: Rig, settings: Settings): Promise<SteadyLoad> => {
  const { size, rate } = settings
  const publishers = await rig.publishers()
  const schedule = new Schedule(clockMs(), rate)
  const limits = { size, inFlightMax }
  const loop = new OpenLoop(publishers, limits, schedule, rig.meter, clockMs, rig.onFailure)
  const periodMs = Math.min(tickMsMax, Math.max(tickMsMin, 1000 / rate))
  const metronome = new Metronome(periodMs, () => loop.tick())
  return { stop: () => loop.stop(), end: () => metronome.stop() }
}
