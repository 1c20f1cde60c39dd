/**
 * One run: node processes on one data directory under load; at each failpoint in turn a node stops
 * itself, others take what it had, and it goes on. The client logs alone say what came of it.
 *
 * A round whose node stands `beyond` the silence limit:
 *   clients work .. node stands | clients stop .. others serve, node goes on .. | clients go on
 * Clients are stopped while it stands, so that they read whatever the node still sends when it
 * wakes: a confirm that it had not earned is believed, and looked for at the end.
 * A round whose node stands `within` it, in the middle of a takeover: the former owner was stopped
 * until then, and goes on with what lay in its sockets while the other holds the shard half.
 *
 * Order at the end: publishers stop, consumers drain until every depth is zero, consumers stop,
 * the nodes get SIGTERM, the journal is verified. Whatever happens, every process is ended.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as hold } from "node:timers/promises"
import type { Failpoint } from "@skein/journal"
import { checkLogFiles, findLogFiles, Prng, type Verdict } from "@skein/test-checker"
import { ClientLog } from "../ClientLog.js"
import { type FabricClient, loadAdapter } from "../FabricClient.js"
import { FabricUnderTest, type NodeUnderTest } from "../faults/FabricUnderTest.js"
import { Load, skeinAdapters } from "../faults/Load.js"
import { findLogSources, type LogSource } from "../LogLines.js"
import { within } from "../within.js"
import { FailpointFiles } from "./FailpointFiles.js"
import { type RoundFigures, type RoundTimes, roundFigures } from "./FenceLedger.js"
import { type FaultyBuildName, faultyBuildOf } from "./faultyBuilds.js"
import { type MoveInHand, moveShard, verifyJournal } from "./skeinCommand.js"
import { Tokens } from "./Tokens.js"

export interface Round {
  readonly at: Failpoint
  /** How long the node stands, against the limit after which a silent node's shards are taken. */
  readonly stands: "beyond" | "within"
  /** Consumers rest before it stands: the commit that it stands in holds publishes for certain. */
  readonly consumersRest?: boolean
}

export interface FenceSettings {
  /** An empty directory of the run's own. */
  readonly directory: string
  readonly seed: string
  readonly nodes: number
  readonly rounds: ReadonlyArray<Round>
  /** A faulty build in place of the product, to test the harness. */
  readonly fault?: FaultyBuildName
  readonly data: string | undefined
  readonly onProgress: (text: string) => void
}

export interface RoundReport extends Round, RoundFigures {
  readonly node: string
  readonly stoodMs: number
}

export interface FenceRunReport {
  readonly ok: boolean
  readonly rounds: ReadonlyArray<RoundReport>
  readonly verdict: Verdict
  /** What was wrong beside violations. */
  readonly problems: ReadonlyArray<string>
  readonly directory: string
}

interface Stood extends RoundTimes {
  readonly round: Round
  readonly node: string
  readonly resumedNs: number
}

const queues = 8
const waitMs = 60_000
/** The silence limit is 600 ms; what others do about it takes some more. */
const beyondMs = 900
/** For a node that wakes to do and send what it is about to. */
const wakeMs = 300
/** A node that wakes and sends nothing for so long has nothing to send. */
const silentMs = 2_000
/** With these begin the names of the client processes. */
const clientNames = ["publisher-", "consumer-"]
/** Requests gather in the sockets of an owner that is about to be taken from. */
const gatherMs = 50
const lookMs = 20

export const runFence = async (settings: FenceSettings): Promise<FenceRunReport> => {
  const run = new Run(settings)
  try {
    await run.start()
    for (const round of settings.rounds) await run.round(round)
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
  readonly #failpoints: FailpointFiles
  readonly #tokens: Tokens
  readonly #stood: Array<Stood> = []
  #fabric: FabricUnderTest | undefined
  #load: Load | undefined
  #counter = 0

  constructor(readonly settings: FenceSettings) {
    const { directory, seed, data } = settings
    this.#prng = new Prng(`${seed}/fence`)
    this.#logDirectory = join(directory, "logs")
    mkdirSync(this.#logDirectory, { recursive: true })
    this.#failpoints = new FailpointFiles(join(directory, "failpoints"))
    this.#tokens = new Tokens(join(directory, "data"))
    const found = findLogSources(data, seed, directory)
    this.#sources = Array.from({ length: queues }, (_, index) => {
      const source = found[index % found.length]
      return { ...source, queue: `${source.queue}-${index}` }
    })
    this.#log = new ClientLog(this.#logDirectory, "fence", this.#epochNs)
  }

  async start(): Promise<void> {
    const { directory, nodes, seed } = this.settings
    const wrap = (command: ReadonlyArray<string>) => this.#command(command)
    const fabric = await FabricUnderTest.start({
      ...{ directory, nodes, shards: queues, fakeTime: undefined, waitMs, wrap },
    })
    this.#fabric = fabric
    const client = await this.#clientOf(fabric.nodes[0])
    for (const { queue } of this.#sources) await client.declare(queue)
    await client.close()
    // Each API publishes in half of all runs, and both consume in each.
    const adapters = this.#prng.chance(0.5) ? skeinAdapters : [...skeinAdapters].reverse()
    this.#load = new Load({
      ...{ address: fabric.address, adapters, logDirectory: this.#logDirectory },
      ...{ epochNs: this.#epochNs, seed, sources: this.#sources },
      ...{ publishers: 1, consumers: 2, waitMs },
    })
    await this.#load.start()
  }

  async round(round: Round): Promise<void> {
    const load = this.#theLoad
    await load.arm(this.#prng.between(100, 600))
    const entry = { op: "fault", counter: ++this.#counter, name: round.at, limitNs: 2e10 } as const
    this.#log.add([{ ...entry, phase: "invoke" }])
    const times = await this.#carryOut(round)
    await load.arm(1)
    const endsNs = this.#log.add([{ ...entry, phase: "ok" }])
    this.#log.flush()
    this.#stood.push({ round, endsNs, ...times })
    const stoodMs = Math.round((times.resumedNs - times.standsNs) / 1e6)
    this.settings.onProgress(`${round.at}: ${times.node} stood ${stoodMs} ms`)
  }

  async drain(): Promise<void> {
    const load = this.#theLoad
    await load.stopPublishing()
    this.settings.onProgress("published; draining")
    const client = await this.#clientOf(this.#theFabric.nodes[0])
    const deadline = Date.now() + waitMs
    for (;;) {
      await load.idle()
      const depths = await this.#depths(client)
      if (depths.every(({ depth }) => depth === 0)) break
      if (Date.now() > deadline) throw new Error(`not drained: ${JSON.stringify(depths)}`)
    }
    await load.stopConsuming()
    for (const { queue, depth } of await this.#depths(client)) {
      this.#log.add([{ op: "depth", phase: "ok", counter: ++this.#counter, queue, depth }])
    }
    this.#log.close()
    await client.close()
  }

  async finish(): Promise<FenceRunReport> {
    const { directory } = this.settings
    const problems = [...(await this.#theFabric.stop(waitMs))]
    const damage = await verifyJournal(join(directory, "data"), waitMs)
    if (damage !== undefined) problems.push(`journal verify: ${damage}`)
    const files = findLogFiles(this.#logDirectory)
    const verdict = checkLogFiles(files)
    const figures = roundFigures(files, this.#stood)
    const rounds = this.#stood.map(({ round, node, standsNs, resumedNs }, index) => ({
      ...{ ...round, node, stoodMs: Math.round((resumedNs - standsNs) / 1e6) },
      ...figures[index],
    }))
    const isClean = rounds.every(({ lost, adopted }) => lost + adopted === 0)
    const ok = verdict.ok && isClean && problems.length === 0
    return { ok, rounds, verdict, problems, directory }
  }

  async end(): Promise<void> {
    await this.#load?.kill()
    await this.#fabric?.kill()
  }

  stderr(): string {
    return `${this.#fabric?.stderr() ?? ""}\n${this.#load?.stderr() ?? ""}`
  }

  async #carryOut(round: Round): Promise<Omit<Stood, "endsNs" | "round">> {
    if (round.at.startsWith("takeover.")) return this.#takeover(round)
    const fabric = this.#theFabric
    if (round.consumersRest === true) this.#theLoad.pause("consumer")
    const stands = this.#failpoints.arm(round.at, fabric, waitMs)
    const moving = round.at.startsWith("move.") ? this.#moveUntil(stands) : undefined
    const node = await stands
    const standsNs = this.#log.nowNs()
    const resumedNs = await this.#beyondSilence(node)
    await moving
    return { node: node.name, standsNs, resumedNs }
  }

  /** The former owner stops from outside; whoever takes one of its shards stands on the way. */
  async #takeover({ at, stands }: Round): Promise<Omit<Stood, "endsNs" | "round">> {
    const fabric = this.#theFabric
    const former = this.#busiest()
    const standing = this.#failpoints.arm(at, fabric, waitMs)
    former.process.pause()
    await hold(gatherMs)
    this.#stopClients(former)
    const node = await standing
    const standsNs = this.#log.nowNs()
    await this.#wake(former)
    if (stands === "beyond") {
      return { node: node.name, standsNs, resumedNs: await this.#beyondSilence(node) }
    }
    const resumedNs = this.#log.nowNs()
    node.process.resume()
    await this.#startClients()
    return { node: node.name, standsNs, resumedNs }
  }

  /** From a node that stands to clients that hear all; answers when it was continued. */
  async #beyondSilence(node: NodeUnderTest): Promise<number> {
    this.#stopClients(node)
    await hold(beyondMs)
    await within(this.#taken(node), waitMs, `takeover of what ${node.name} had`)
    await hold(wakeMs)
    const resumedNs = this.#log.nowNs()
    await this.#wake(node)
    await this.#startClients()
    return resumedNs
  }

  /** Clients stand still; what nodes but this one tell them is held back. */
  #stopClients(node: NodeUnderTest): void {
    this.#theLoad.pause()
    const others = this.#theFabric.relays.filter((relay) => relay !== node.relay)
    for (const relay of others) relay.holdBack(...clientNames)
  }

  /** They hear what that one node has told them, and then the others. */
  async #startClients(): Promise<void> {
    this.#theLoad.resume()
    await hold(wakeMs)
    for (const relay of this.#theFabric.relays) relay.letGo()
  }

  /** It goes on; resolves when it has sent clients all that it had for them, or nothing comes. */
  async #wake({ process, relay }: NodeUnderTest): Promise<void> {
    const before = relay.sentTo(...clientNames)
    process.resume()
    const deadline = Date.now() + silentMs
    for (let [sent, last] = [before, -1]; sent === before || sent !== last; ) {
      if (Date.now() > deadline) return
      await hold(wakeMs)
      last = sent
      sent = relay.sentTo(...clientNames)
    }
  }

  /** Resolves when others hold all shards of a node that stands. */
  async #taken(node: NodeUnderTest): Promise<void> {
    while (this.#shardsOf(node).length > 0) await hold(lookMs)
  }

  /**
   * A move after the other until a node stands in one; any may be refused. Balance may be quicker:
   * the first move that comes to the failpoint counts.
   */
  async #moveUntil(stands: Promise<unknown>): Promise<void> {
    let isOver = false
    const over = stands.then(() => {
      isOver = true
    })
    while (!isOver) {
      const move = this.#startMove()
      await Promise.race([over, move.ended])
      await move.end()
    }
  }

  #startMove(): MoveInHand {
    const owner = this.#busiest()
    const shards = this.#shardsOf(owner)
    const shard = shards[this.#prng.between(0, shards.length - 1)]
    const target = this.#other(owner)
    return moveShard(owner.process.address, shard, target.name)
  }

  /** The node with most shards. */
  #busiest(): NodeUnderTest {
    const count = (node: NodeUnderTest): number => this.#shardsOf(node).length
    return [...this.#theFabric.nodes].sort((left, right) => count(right) - count(left))[0]
  }

  #shardsOf({ process }: NodeUnderTest): ReadonlyArray<string> {
    return this.#tokens.heldBy(process.pid)
  }

  #other(node: NodeUnderTest): NodeUnderTest {
    const others = this.#theFabric.nodes.filter((each) => each !== node)
    return others[this.#prng.between(0, others.length - 1)]
  }

  async #clientOf(node: NodeUnderTest): Promise<FabricClient> {
    const { connect } = await loadAdapter(skeinAdapters[0])
    return connect({ address: node.process.address, process: "observer" })
  }

  #depths(
    client: FabricClient,
  ): Promise<ReadonlyArray<{ readonly queue: string; readonly depth: number }>> {
    return Promise.all(
      this.#sources.map(async ({ queue }) => ({ queue, depth: await client.depth(queue) })),
    )
  }

  #command([program, ...args]: ReadonlyArray<string>): ReadonlyArray<string> {
    const { fault } = this.settings
    return [
      ...["env", `SKEIN_FAILPOINTS=${this.#failpoints.directory}`, program],
      ...(fault === undefined ? [] : ["--import", faultyBuildOf(fault)]),
      ...args,
    ]
  }

  get #theFabric(): FabricUnderTest {
    if (this.#fabric === undefined) throw new Error("the run has not started")
    return this.#fabric
  }

  get #theLoad(): Load {
    if (this.#load === undefined) throw new Error("the run has not started")
    return this.#load
  }
}
