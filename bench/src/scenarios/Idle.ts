/** A broker with one queue and no client: what it costs to do nothing. */
import { Rig } from "../load/Rig.js"
import { median } from "../measure/median.js"
import type { Scenario } from "./Scenario.js"
import { plannedSeconds, runWindows } from "./windows.js"

export const idle: Scenario = {
  name: "idle",
  summary: "CPU and memory of a broker that nobody uses",
  reads: [],
  dear: true,
  demand: () => ({ queues: 1, consumers: 0, backlog: false, restart: false }),
  secondsPlanned: plannedSeconds,
  take: async (system, settings, windows, onStep) => {
    const rig = await Rig.start(system, settings.dir, 1)
    try {
      await rig.leave()
      const laps = await runWindows(rig, settings, windows, onStep)
      const cpuPercent = median(
        laps.map((lap) => ((lap.cpuSeconds ?? Number.NaN) / lap.seconds) * 100),
      )
      const rssMiB = rig.sampler.rssMiB() ?? Number.NaN
      const rateless = laps.map((lap) => ({ ...lap, seconds: 0 }))
      return { laps: rateless, rssMaxMiB: rig.sampler.rssMaxMiB(), facts: { cpuPercent, rssMiB } }
    } finally {
      await rig.close()
    }
  },
}
