/**
 * One fabric under load: its processes, a client process for the load, one for the probes, and
 * what both saw. A scenario asks for parts and decides what is done when. What was seen is asked
 * for every `takeEveryMs`, so that a long run does not gather in the clients.
 *
 * Shutdown order: the asking, both clients, the fabric.
 */
import { monotonicMs } from "../measure/monotonicMs.js"
import { Samples } from "../measure/Samples.js"
import { Timeline } from "../measure/Timeline.js"
import { onCleanup } from "../process/Cleanup.js"
import { Agent } from "./Agent.js"
import type { ClusterSettings } from "./ClusterSettings.js"
import { Fabric } from "./Fabric.js"
import type { StreamAudit, StreamSamples, StreamSpec } from "./StreamSpec.js"

const takeEveryMs = 500
const bucketMs = 500
const drainMsMax = 60_000
const drainPollMs = 200

export interface StreamHistory {
  readonly confirms: Samples
  readonly arrivals: Samples
}

/** Which client process carries a stream. */
export type Carrier = "load" | "probes"

export class ClusterRun {
  readonly notes: string[] = []
  timeline = new Timeline(monotonicMs(), bucketMs)
  /** Since the last `trim`, by the name of the stream. */
  readonly history = new Map<string, StreamHistory>()
  /** Gets everything that was seen, in order. */
  onTaken: (samples: StreamSamples) => void = () => undefined
  private readonly timer: NodeJS.Timeout
  private readonly forget: () => void
  private taking: Promise<void> = Promise.resolve()
  private fault: Error | undefined
  private closing: Promise<void> | undefined

  private constructor(
    readonly settings: ClusterSettings,
    readonly fabric: Fabric,
    readonly agents: Readonly<Record<Carrier, Agent>>,
  ) {
    this.forget = onCleanup(() => this.close())
    this.timer = setInterval(() => void this.take().catch(() => undefined), takeEveryMs)
  }

  static async start(settings: ClusterSettings, nodes = settings.nodes): Promise<ClusterRun> {
    const fabric = await Fabric.start({ ...settings, nodes })
    try {
      const load = await Agent.start("load", fabric.address)
      const probes = await Agent.start("probes", fabric.address)
      return new ClusterRun(settings, fabric, { load, probes })
    } catch (error) {
      await fabric.close()
      throw error
    }
  }

  /** Consumers first; publishing begins with `start`. */
  async open(carrier: Carrier, specs: readonly StreamSpec[]): Promise<void> {
    for (const { name } of specs) {
      this.history.set(name, { confirms: new Samples(), arrivals: new Samples() })
    }
    await this.agents[carrier].call("open", specs)
  }

  /** All probes, and the named streams of the load, or all of them. Time begins here. */
  async start(loads?: readonly string[]): Promise<void> {
    this.timeline = new Timeline(monotonicMs(), bucketMs)
    const { load, probes } = this.agents
    await Promise.all([load.call("start", loads), probes.call("start")])
  }

  /** Asks both clients now; resolves when all that they saw is in. */
  take(): Promise<void> {
    const next = this.taking.then(() => this.takeNow())
    this.taking = next.catch((error: unknown) => {
      this.fault ??= error as Error
    })
    return next
  }

  /** Waits; rejects when a client is gone. */
  async hold(seconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    await this.take()
    if (this.fault !== undefined && this.closing === undefined) throw this.fault
  }

  /** Puts a mark at this moment; answers it. */
  mark(label: string): number {
    const atMs = monotonicMs()
    this.timeline.mark(atMs, label)
    return atMs
  }

  trim(beforeMs: number): void {
    for (const { confirms, arrivals } of this.history.values()) {
      confirms.trim(beforeMs)
      arrivals.trim(beforeMs)
    }
  }

  /**
   * Ends the publishing, waits until all that was confirmed has arrived, and tells what became of
   * the messages. Errors at the author become notes.
   */
  async finish(): Promise<readonly StreamAudit[]> {
    const agents = Object.values(this.agents)
    await Promise.all(agents.map((agent) => agent.call("stop")))
    const deadline = monotonicMs() + drainMsMax
    for (;;) {
      const audits = (await Promise.all(agents.map((agent) => agent.call("audit")))).flat()
      const isDone = audits.every(({ lost }) => lost === 0)
      if (isDone || monotonicMs() > deadline) {
        this.notes.push(...audits.flatMap(({ errorTexts }) => errorTexts))
        return audits
      }
      await this.hold(drainPollMs / 1000)
    }
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private async end(): Promise<void> {
    clearInterval(this.timer)
    await this.taking
    await Promise.all(Object.values(this.agents).map((agent) => agent.close()))
    await this.fabric.close()
    this.forget()
  }

  private async takeNow(): Promise<void> {
    const untilMs = monotonicMs()
    const { load, probes } = this.agents
    const [loaded, probed] = await Promise.all([load.call("take"), probes.call("take")])
    for (const samples of loaded) this.keep(samples, probed.length === 0)
    for (const samples of probed) this.keep(samples, true)
    this.timeline.cut(untilMs)
  }

  private keep(samples: StreamSamples, timed: boolean): void {
    const { name, confirms, arrivals } = samples
    const history = this.history.get(name)
    history?.confirms.append(confirms)
    history?.arrivals.append(arrivals)
    this.timeline.add("confirm", confirms, timed)
    this.timeline.add("endToEnd", arrivals, timed)
    this.onTaken(samples)
  }
}
