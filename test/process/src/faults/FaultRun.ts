/**
 * One run: a fabric, clients at work, faults one after the other in an order drawn from the seed,
 * then everything healed, drained and judged by the checker from the client logs alone.
 *
 * A fault counts if at least a hundred publishes were in flight when it began; one that did not
 * is repeated. Each begins only when every publisher has confirmed anew since the one before.
 *
 * Order at the end: publishers stop, consumers drain until every depth is zero, consumers stop,
 * depths are logged, the nodes get SIGTERM. Whatever happens, every process is ended.
 */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as hold } from "node:timers/promises"
import { checkLogFiles, findLogFiles, Prng, type Verdict } from "@skein/test-checker"
import { ClientLog } from "../ClientLog.js"
import { type FabricClient, loadAdapter } from "../FabricClient.js"
import { inFlightForKillMin } from "../InFlight.js"
import { findLogSources, type LogSource } from "../LogLines.js"
import type { ServeCommand } from "../ProcessUnderTest.js"
import { SkeinOperator } from "../SkeinOperator.js"
import { FabricUnderTest } from "./FabricUnderTest.js"
import type { Fault, Ground } from "./Fault.js"
import { moverSettings } from "./kinds/moveFaults.js"
import { Load, skeinAdapters } from "./Load.js"
import { Mover } from "./Mover.js"

export interface RunSettings {
  /** An empty directory of the run's own. */
  readonly directory: string
  readonly seed: string
  readonly nodes: number
  /** Faults that must count. */
  readonly faults: number
  readonly kinds: ReadonlyArray<Fault>
  readonly fakeTime: string | undefined
  /** No fault begins after this moment of `Date.now()`. */
  readonly deadlineMs: number
  /** A publish may wait so long while nothing is wrong. */
  readonly recoverMs: number
  /** Of every queue. Short ones expire in slow consumers, so that deliveries overlap. */
  readonly leaseMs: number
  readonly data: string | undefined
  /** Another fabric than Skein, to test the harness. */
  readonly other?: { readonly serve: ServeCommand; readonly adapter: string }
  readonly onProgress: (text: string) => void
}

export interface RunReport {
  readonly ok: boolean
  readonly seed: string
  /** Faults that counted, and all that were done. */
  readonly hit: number
  readonly verdict: Verdict
  /** What was wrong beside violations: a node that ended badly, too few faults that counted. */
  readonly problems: ReadonlyArray<string>
  readonly directory: string
}

/** As many queues as shards: each queue is declared in a shard of its own. */
const queues = 8
const waitMs = 60_000
const attemptsPerFaultMax = 3
/** Moves of balance and restarts that are under way when the last fault is over. */
const settledWithinMs = 30_000

export const runFaults = async (settings: RunSettings): Promise<RunReport> => {
  const run = new Run(settings)
  try {
    await run.start()
    await run.injectAll()
    await run.drain()
    return await run.finish()
  } catch (error) {
    throw new Error(`${(error as Error).message}\nseed ${settings.seed}\n${run.stderr()}`)
  } finally {
    await run.end()
  }
}

class Run {
  readonly #prng: Prng
  readonly #epochNs = process.hrtime.bigint()
  readonly #logDirectory: string
  readonly #sources: ReadonlyArray<LogSource>
  readonly #log: ClientLog
  #ground: Ground | undefined
  #observer: FabricClient | undefined
  #operator: SkeinOperator | undefined
  #counter = 0

  constructor(readonly settings: RunSettings) {
    const { directory, seed, data } = settings
    this.#prng = new Prng(`${seed}/faults`)
    this.#logDirectory = join(directory, "logs")
    mkdirSync(this.#logDirectory, { recursive: true })
    const found = findLogSources(data, seed, directory)
    this.#sources = Array.from({ length: queues }, (_, index) => {
      const source = found[index % found.length]
      return { ...source, queue: `${source.queue}-${index}` }
    })
    this.#log = new ClientLog(this.#logDirectory, "faults", this.#epochNs)
  }

  async start(): Promise<void> {
    const { directory, nodes, seed, fakeTime, leaseMs, other } = this.settings
    const [shards, serve] = [queues, other?.serve]
    const fabric = await FabricUnderTest.start({
      ...{ directory, nodes, shards, fakeTime, waitMs, serve },
    })
    const adapters = other === undefined ? skeinAdapters : [other.adapter]
    const load = new Load({
      ...{
        address: fabric.address,
        adapters,
        logDirectory: this.#logDirectory,
        epochNs: this.#epochNs,
      },
      ...{ seed, sources: this.#sources, publishers: 2, consumers: 2, waitMs },
    })
    if (nodes > 1 && other === undefined) {
      this.#operator = await SkeinOperator.connect(fabric.address, (line) => {
        appendFileSync(join(directory, "decisions.jsonl"), `${line}\n`)
      })
    }
    this.#ground = { fabric, load, operator: this.#operator, prng: this.#prng, waitMs }
    const { connect } = await loadAdapter(adapters[0])
    this.#observer = await connect({ address: fabric.address, process: "observer" })
    for (const { queue } of this.#sources) await this.#observer.declare(queue, leaseMs)
    await load.start()
  }

  async injectAll(): Promise<void> {
    const { faults, kinds, deadlineMs } = this.settings
    const bag: Array<Fault> = []
    let counted = 0
    for (let attempt = 0; attempt < faults * attemptsPerFaultMax; attempt++) {
      if (counted >= faults || Date.now() > deadlineMs || kinds.length === 0) break
      if (bag.length === 0) bag.push(...this.#shuffled(kinds))
      const fault = bag.pop() as Fault
      if (await this.#inject(fault)) counted++
      else bag.push(fault)
    }
    // What the last fault left behind must be over before the end is judged.
    await this.#here.load.arm(1)
  }

  async drain(): Promise<void> {
    const { load } = this.#here
    await load.stopPublishing()
    this.settings.onProgress("published; draining")
    const deadline = Date.now() + waitMs
    for (;;) {
      await load.idle()
      const depths = await this.#depths()
      if (depths.every(({ depth }) => depth === 0)) break
      if (Date.now() > deadline) {
        throw new Error(`not drained within ${waitMs} ms: ${JSON.stringify(depths)}`)
      }
    }
    await load.stopConsuming()
  }

  async finish(): Promise<RunReport> {
    for (const { queue, depth } of await this.#depths()) {
      const counter = ++this.#counter
      this.#log.add([{ op: "depth", phase: "ok", counter, queue, depth }])
    }
    this.#log.close()
    await this.#observer?.close()
    this.#observer = undefined
    const queues = this.#sources.map(({ queue }) => queue)
    const problems = [...((await this.#operator?.problems(queues, settledWithinMs)) ?? [])]
    await this.#operator?.close()
    this.#operator = undefined
    problems.push(...(await this.#here.fabric.stop(waitMs)))
    const verdict = checkLogFiles(findLogFiles(this.#logDirectory))
    const { seed, faults, directory, deadlineMs } = this.settings
    const hit = verdict.faults.filter(({ inFlight }) => inFlight >= inFlightForKillMin).length
    if (hit < faults && Date.now() < deadlineMs) {
      problems.push(`${hit} of ${faults} faults hit enough in flight`)
    }
    return { ok: verdict.ok && problems.length === 0, seed, hit, verdict, problems, directory }
  }

  async end(): Promise<void> {
    const ground = this.#ground
    if (ground === undefined) return
    await ground.load.kill()
    await ground.fabric.kill()
    // For whoever looks into a run that was kept; wall times, unlike those of the clients' logs.
    writeFileSync(join(this.settings.directory, "nodes.log"), this.stderr())
    await this.#operator?.close().catch(() => {
      // As of the observer, below.
    })
    await this.#observer?.close().catch(() => {
      // The node is gone: what is left of the connection goes with the process.
    })
  }

  stderr(): string {
    return `${this.#ground?.fabric.stderr() ?? ""}\n${this.#ground?.load.stderr() ?? ""}`
  }

  /** Whether it counted. */
  async #inject(fault: Fault): Promise<boolean> {
    const { load } = this.#here
    await load.arm(this.#prng.between(300, 1_500))
    const { victim, inject } = fault.aim(this.#here)
    const entry = {
      op: "fault",
      counter: ++this.#counter,
      name: fault.name,
      limitNs: this.settings.recoverMs * 1e6,
      ...(victim === undefined ? {} : { victim }),
    } as const
    const atNs = this.#log.add([{ ...entry, phase: "invoke" }])
    const mover = this.#moverBeside(fault)
    const { detail, undo, done } = await inject()
    const inFlight = await load.inFlightAt(atNs)
    await hold(this.#prng.between(...fault.holdMs))
    await undo()
    await mover?.stop()
    const told = [detail, done?.(), mover?.done].filter((text) => text !== undefined)
    const healedNs = this.#log.add([{ ...entry, phase: "ok" }])
    this.#log.flush()
    const counted = inFlight >= inFlightForKillMin
    this.settings.onProgress(
      `${fault.name}: ${told.join("; ")}; ${inFlight} in flight${counted ? "" : " (too few, again)"}, ` +
        `healed after ${Math.round((healedNs - atNs) / 1e6)} ms`,
    )
    return counted
  }

  /** With moves among the kinds, shards move during every other one of the other faults, too. */
  #moverBeside(fault: Fault): Mover | undefined {
    if (fault.name === "move-shard") return undefined
    if (!this.settings.kinds.some(({ name }) => name === "move-shard")) return undefined
    return this.#prng.chance(0.5) ? new Mover(moverSettings(this.#here)) : undefined
  }

  #shuffled(kinds: ReadonlyArray<Fault>): ReadonlyArray<Fault> {
    const left = [...kinds]
    return kinds.map(() => left.splice(this.#prng.between(0, left.length - 1), 1)[0])
  }

  get #here(): Ground {
    if (this.#ground === undefined) throw new Error("the run has not started")
    return this.#ground
  }

  async #depths(): Promise<ReadonlyArray<{ readonly queue: string; readonly depth: number }>> {
    const observer = this.#observer as FabricClient
    return Promise.all(
      this.#sources.map(async ({ queue }) => ({ queue, depth: await observer.depth(queue) })),
    )
  }
}
