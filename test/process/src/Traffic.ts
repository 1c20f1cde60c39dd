/**
 * One run: log lines through a real node, one publisher process and several consumer processes,
 * with the node and the consumers killed in the middle of traffic, then a drain and the verdict
 * of the checker over the client logs.
 *
 * A kill counts only with at least a hundred publishes in flight at the moment of the signal. The
 * publisher reports when enough was confirmed since the last kill and enough is in flight; the
 * signal follows at once; then the publisher says how many were in flight at that moment. A kill
 * that came too late is repeated.
 *
 * Order at the end: publisher stops, consumers drain until every depth is zero, consumers stop,
 * depths are logged, the node gets SIGTERM. Whatever happens, every process is ended.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { checkLogFiles, findLogFiles, Prng, type Verdict } from "@skein/test-checker"
import { ChildClient } from "./ChildClient.js"
import { ClientLog } from "./ClientLog.js"
import type { ClientSettings } from "./ClientMessages.js"
import { type FabricClient, loadAdapter } from "./FabricClient.js"
import { inFlightForKillMin } from "./InFlight.js"
import type { LogSource } from "./LogLines.js"
import { type Exit, ProcessUnderTest, type ServeCommand } from "./ProcessUnderTest.js"

export interface TrafficSettings {
  /** An empty directory of the run's own: the node's data and the client logs. */
  readonly directory: string
  readonly serve: ServeCommand
  /** Compiled module of the `FabricAdapter`. */
  readonly adapter: string
  readonly sources: ReadonlyArray<LogSource>
  readonly seed: string
  readonly nodeKills: number
  readonly consumerKills: number
  readonly consumers?: number
  readonly batchMessages?: number
  readonly windowMessages?: number
  /** Publishes confirmed between two kills: drawn from here to the fourfold. */
  readonly confirmedBetweenKillsMin?: number
  /** Limit of each wait. */
  readonly waitMs?: number
  readonly onProgress?: (text: string) => void
}

export interface Kill {
  readonly what: "node" | "consumer"
  /** Publishes in flight at the moment of the signal. */
  readonly inFlight: number
  /** False if they were too few: then the kill was repeated. */
  readonly counted: boolean
  /** From the start of the new process to its readiness; ms. */
  readonly backAfterMs: number
}

export interface TrafficReport {
  readonly ok: boolean
  readonly seed: string
  readonly sources: ReadonlyArray<LogSource>
  readonly kills: ReadonlyArray<Kill>
  readonly nodeExit: Exit
  readonly verdict: Verdict
  readonly logDirectory: string
}

/** Attempts for each kill that is to count. */
const attemptsPerKillMax = 5

export const runTraffic = async (settings: TrafficSettings): Promise<TrafficReport> => {
  const run = new Run(settings)
  try {
    await run.start()
    await run.killAsPlanned()
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
  readonly #node: ProcessUnderTest
  readonly #epochNs = process.hrtime.bigint()
  readonly #logDirectory: string
  readonly #waitMs: number
  readonly #kills: Array<Kill> = []
  #consumers: Array<ChildClient> = []
  #publisher: ChildClient | undefined
  #observer: FabricClient | undefined
  #clients = 0

  constructor(readonly settings: TrafficSettings) {
    this.#prng = new Prng(`${settings.seed}/kills`)
    this.#waitMs = settings.waitMs ?? 60_000
    this.#logDirectory = join(settings.directory, "logs")
    const data = join(settings.directory, "data")
    mkdirSync(this.#logDirectory, { recursive: true })
    mkdirSync(data, { recursive: true })
    this.#node = new ProcessUnderTest(data, settings.serve, this.#waitMs)
  }

  async start(): Promise<void> {
    const { adapter, sources, consumers = 2 } = this.settings
    await this.#node.start()
    const { connect } = await loadAdapter(adapter)
    this.#observer = await connect({ address: this.#node.address, process: "observer" })
    for (const { queue } of sources) await this.#observer.declare(queue)
    for (let count = 0; count < consumers; count++) {
      this.#consumers.push(await this.#startClient("consumer"))
    }
    this.#publisher = await this.#startClient("publisher")
  }

  /** Kills of both kinds in an order drawn from the seed. */
  async killAsPlanned(): Promise<void> {
    let nodes = this.settings.nodeKills
    let consumers = this.settings.consumerKills
    let attempts = (nodes + consumers) * attemptsPerKillMax
    while (nodes + consumers > 0) {
      if (attempts-- === 0) throw new Error("too few kills met enough publishes in flight")
      const what = this.#prng.between(1, nodes + consumers) <= nodes ? "node" : "consumer"
      const kill = await this.#kill(what)
      this.#kills.push(kill)
      this.#progress(
        `${what} killed with ${kill.inFlight} publishes in flight` +
          `${kill.counted ? "" : " (too few, again)"}, back after ${kill.backAfterMs} ms`,
      )
      if (!kill.counted) continue
      if (what === "node") nodes--
      else consumers--
    }
  }

  async drain(): Promise<void> {
    const publisher = this.#publisher as ChildClient
    await publisher.stop(this.#waitMs)
    this.#publisher = undefined
    this.#progress("published; draining")
    const deadline = Date.now() + this.#waitMs
    for (;;) {
      await Promise.any(this.#consumers.map((consumer) => consumer.next("idle", this.#waitMs)))
      const depths = await this.#depths()
      if (depths.every(({ depth }) => depth === 0)) break
      if (Date.now() > deadline) {
        throw new Error(`not drained within ${this.#waitMs} ms: ${JSON.stringify(depths)}`)
      }
    }
    await Promise.all(this.#consumers.map((consumer) => consumer.stop(this.#waitMs)))
    this.#consumers = []
  }

  async finish(): Promise<TrafficReport> {
    const log = new ClientLog(this.#logDirectory, "observer", this.#epochNs)
    log.add(
      (await this.#depths()).map(({ queue, depth }, counter) => ({
        ...{ op: "depth", phase: "ok", counter, queue, depth },
      })),
    )
    log.close()
    await this.#observer?.close()
    this.#observer = undefined
    const nodeExit = await this.#node.terminate(this.#waitMs)
    const verdict = checkLogFiles(findLogFiles(this.#logDirectory))
    const { seed, sources } = this.settings
    const ok = verdict.ok && nodeExit.code === 0
    const logDirectory = this.#logDirectory
    return { ok, seed, sources, kills: this.#kills, nodeExit, verdict, logDirectory }
  }

  async end(): Promise<void> {
    const clients = [...this.#consumers, ...(this.#publisher ? [this.#publisher] : [])]
    await Promise.allSettled(clients.map((client) => client.kill()))
    await this.#node.kill()
    await this.#observer?.close()
  }

  stderr(): string {
    return `node: ${this.#node.stderr}\npublisher: ${this.#publisher?.stderr ?? "(ended)"}`
  }

  async #kill(what: Kill["what"]): Promise<Kill> {
    const publisher = this.#publisher as ChildClient
    const least = this.settings.confirmedBetweenKillsMin ?? 1_000
    const afterConfirmed = this.#prng.between(least, 4 * least)
    const armed = publisher.next("armed", this.#waitMs)
    publisher.tell({ type: "arm", afterConfirmed, inFlightMin: inFlightForKillMin })
    await armed
    const victim = this.#prng.between(0, this.#consumers.length - 1)
    const atNs = Number(process.hrtime.bigint() - this.#epochNs)
    const dead = what === "node" ? this.#node.kill() : this.#consumers[victim].kill()
    const answer = publisher.next("wasInFlight", this.#waitMs)
    publisher.tell({ type: "inFlightAt", atNs })
    const [{ count: inFlight }] = await Promise.all([answer, dead])
    const began = process.hrtime.bigint()
    if (what === "node") await this.#node.start()
    else this.#consumers[victim] = await this.#startClient("consumer")
    const backAfterMs = Math.round(Number(process.hrtime.bigint() - began) / 1e6)
    return { what, inFlight, counted: inFlight >= inFlightForKillMin, backAfterMs }
  }

  #startClient(role: "publisher" | "consumer"): Promise<ChildClient> {
    const { adapter, seed, sources, batchMessages = 100, windowMessages = 800 } = this.settings
    const client: ClientSettings = {
      process: `${role}-${++this.#clients}`,
      address: this.#node.address,
      adapter,
      logDirectory: this.#logDirectory,
      epochNs: String(this.#epochNs),
      seed,
      sources,
      batchMessages,
      windowMessages,
    }
    return ChildClient.start(role, client, this.#waitMs)
  }

  async #depths(): Promise<ReadonlyArray<{ readonly queue: string; readonly depth: number }>> {
    const observer = this.#observer as FabricClient
    return Promise.all(
      this.settings.sources.map(async ({ queue }) => ({
        queue,
        depth: await observer.depth(queue),
      })),
    )
  }

  #progress(text: string): void {
    this.settings.onProgress?.(text)
  }
}
