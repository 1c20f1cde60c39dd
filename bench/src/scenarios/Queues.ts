/** Many queues: each is declared, gets one message, and is drained once. One lap. */
import { bodyMaker } from "../load/body.js"
import { clockMs, Rig } from "../load/Rig.js"
import type { Scenario } from "./Scenario.js"
import type { Settings } from "./Settings.js"

const atOnceMax = 64
const queuesPerSecondGuess = 500
const messageSecondsMax = 60

export const queues: Scenario = {
  name: "queues",
  summary: "--queues declared, each published to and drained once; memory and listing time",
  reads: ["size", "queues"],
  dear: true,
  demand: (settings) => ({ queues: settings.queues, consumers: 1, backlog: true, restart: false }),
  secondsPlanned: (settings) => (3 * settings.queues) / queuesPerSecondGuess,
  take: async (system, settings, _windows, onStep) => {
    const rig = await Rig.start(system, settings.dir, 1)
    try {
      await visit(rig, settings, rig.queues[0]!)
      const names = Array.from({ length: settings.queues }, (_, index) => `many-${index}`)
      const rssBefore = rig.sampler.rssMiB() ?? Number.NaN
      rig.meter.cut()
      const startMs = clockMs()
      onStep("declaring", 0)
      await Promise.race([rig.session.declare(names), rig.failed])
      const declarePerSecond = settings.queues / ((clockMs() - startMs) / 1000)
      let visited = 0
      await Promise.race([
        eachAtOnce(names, async (name) => {
          await visit(rig, settings, name)
          if (++visited % 100 === 0) onStep("publishing and draining", visited / names.length)
        }),
        rig.failed,
      ])
      const lap = rig.meter.cut()
      const listStartMs = clockMs()
      const listed = (await rig.session.list?.()) ?? Number.NaN
      const listMs = Number.isNaN(listed) ? listed : clockMs() - listStartMs
      const rssGrowthMiB = (rig.sampler.rssMiB() ?? Number.NaN) - rssBefore
      const facts = { declarePerSecond, listed, listMs, rssGrowthMiB }
      return { laps: [lap], rssMaxMiB: rig.sampler.rssMaxMiB(), facts }
    } finally {
      await rig.close()
    }
  },
}

/** Publishes one message to a queue and consumes it. */
const visit = async (rig: Rig, settings: Settings, queue: string): Promise<void> => {
  const publisher = await rig.session.publisher(queue)
  const sinceMs = clockMs()
  await publisher.publish([bodyMaker(settings.size)(sinceMs)])
  rig.meter.confirmed(sinceMs, 1)
  let timer: NodeJS.Timeout | undefined
  let arrived: () => void = () => undefined
  const delivered = new Promise<void>((resolve, reject) => {
    arrived = resolve
    timer = setTimeout(
      () => reject(new Error(`no message from ${queue}`)),
      messageSecondsMax * 1000,
    )
  })
  const consumer = await rig.session.consumer(queue, 1, (bodies) => {
    rig.meter.arrived(bodies)
    arrived()
  })
  await delivered.finally(() => clearTimeout(timer))
  await consumer.stop()
}

const eachAtOnce = async <T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> => {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < all.length) await act(all[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(atOnceMax, all.length) }, lane))
}
