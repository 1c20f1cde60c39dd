/**
 * Clients come and go beside a steady load: `producers` loops of connect, publish one message,
 * await its confirm, disconnect. Shows what a connection costs, whom it disturbs, what it leaks.
 */
import { bodyMaker } from "../load/body.js"
import { clockMs, Rig } from "../load/Rig.js"
import { Latency } from "../measure/Latency.js"
import { steadyLoad } from "./Latency.js"
import { type Facts, plainDemand, type Scenario } from "./Scenario.js"
import type { Settings } from "./Settings.js"
import { plannedSeconds, runWindows } from "./windows.js"

const drainSecondsMax = 60

export const churn: Scenario = {
  name: "churn",
  summary: "--producers clients connect, publish and leave in loops beside a load of --rate",
  reads: ["size", "rate", "queues", "producers", "consumers"],
  dear: false,
  demand: plainDemand,
  secondsPlanned: plannedSeconds,
  take: async (system, settings, windows, onStep) => {
    const rig = await Rig.start(system, settings.dir, settings.queues)
    try {
      await rig.consume(settings.consumers, () => undefined)
      const load = await steadyLoad(rig, settings)
      try {
        const guests = new Guests(rig, settings)
        const rssBefore = rig.sampler.rssMiB()
        guests.start()
        const laps = await runWindows(rig, settings, windows, onStep)
        await Promise.race([Promise.all([guests.stop(), load.stop()]), rig.failed])
        await rig.drain(drainSecondsMax)
        const rssGrowthMiB = (rig.sampler.rssMiB() ?? Number.NaN) - (rssBefore ?? Number.NaN)
        const facts = { ...guests.facts(), rssGrowthMiB }
        return { laps, rssMaxMiB: rig.sampler.rssMaxMiB(), facts }
      } finally {
        await load.end()
      }
    } finally {
      await rig.close()
    }
  },
}

/** The clients that come and go. */
class Guests {
  private readonly visits = new Latency()
  private readonly makeBody: (stampMs: number) => Buffer
  private loops: Promise<void>[] = []
  private running = true
  private startMs = 0
  private seconds = 0

  constructor(
    private readonly rig: Rig,
    private readonly settings: Settings,
  ) {
    this.makeBody = bodyMaker(settings.size)
  }

  start(): void {
    this.startMs = clockMs()
    this.loops = Array.from({ length: this.settings.producers }, (_, index) =>
      this.loop(index).catch(this.rig.onFailure),
    )
  }

  async stop(): Promise<void> {
    this.running = false
    await Promise.all(this.loops)
    this.seconds = (clockMs() - this.startMs) / 1000
  }

  facts(): Facts {
    const times = this.visits.percentiles()
    return {
      visitsPerSecond: this.visits.count / this.seconds,
      visitP50Ms: times?.p50 ?? Number.NaN,
      visitP99Ms: times?.p99 ?? Number.NaN,
    }
  }

  private async loop(index: number): Promise<void> {
    const { rig } = this
    const queue = rig.queues[index % rig.queues.length]!
    while (this.running) {
      const sinceMs = clockMs()
      const session = await rig.broker.connect(rig.onFailure)
      const publisher = await session.publisher(queue)
      await publisher.publish([this.makeBody(clockMs())])
      rig.meter.sent++
      rig.meter.published++
      await session.close()
      this.visits.record(clockMs() - sinceMs)
    }
  }
}
