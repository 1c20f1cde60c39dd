/** Publish, consume and ack at once, as fast as confirms come back. */
import { ClosedLoop } from "../load/ClosedLoop.js"
import { clockMs, Rig } from "../load/Rig.js"
import { plainDemand, type Scenario } from "./Scenario.js"
import { plannedSeconds, runWindows } from "./windows.js"

const drainSecondsMax = 60

export const throughput: Scenario = {
  name: "throughput",
  summary: "publish + consume + ack at once, closed loop",
  reads: ["size", "batch", "queues", "producers", "consumers", "window", "await", "lag"],
  dear: false,
  demand: plainDemand,
  secondsPlanned: plannedSeconds,
  take: async (system, settings, windows, onStep) => {
    const rig = await Rig.start(system, settings.dir, settings.queues)
    try {
      const publishers = await rig.publishers()
      const loop = new ClosedLoop(publishers, settings, rig.meter, clockMs, rig.onFailure)
      await rig.consume(settings.consumers, () => loop.consumed())
      loop.start()
      const laps = await runWindows(rig, settings, windows, onStep)
      await Promise.race([loop.stop(), rig.failed])
      await rig.drain(drainSecondsMax)
      return { laps, rssMaxMiB: rig.sampler.rssMaxMiB(), facts: {} }
    } finally {
      await rig.close()
    }
  },
}
