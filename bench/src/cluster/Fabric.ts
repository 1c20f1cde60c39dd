/**
 * A fabric of real processes, as `skein cluster start` runs it, and what the bench does to it:
 * kill, stop, continue, end a node; move a shard. Knows pids from the fabric's own status.
 *
 * Shutdown order: stopped nodes are continued, the operator's client, then the supervisor, which
 * ends its nodes; the directory last.
 */
import { mkdtempSync, readdirSync } from "node:fs"
import path from "node:path"
import { connect, type SkeinClient } from "@skein/client"
import { monotonicMs } from "../measure/monotonicMs.js"
import { BrokerProcess } from "../process/BrokerProcess.js"
import { onCleanup, ownDir, ownGroup } from "../process/Cleanup.js"
import { freePorts } from "../process/ports.js"
import { skeinMain } from "../systems/Skein.js"

export type FabricStatus = Awaited<ReturnType<SkeinClient["cluster"]>>
export type FabricNode = FabricStatus["nodes"][number]

export interface FabricSettings {
  /** Parent of the fabric's directory. */
  readonly dir: string
  readonly nodes: number
  readonly shards: number
}

const readyMsMax = 30_000
const statusMsMax = 5_000
const pollMs = 50
const moveMsMax = 90_000
/** Before a refused move is asked for again. */
const refusedMs = 500
const declaredMax = 4096
const declaresAtOnce = 64
const decisionsShown = 5

export class Fabric {
  private readonly stopped = new Map<number, () => void>()
  private readonly forget: () => void
  private declared = 0
  private closing: Promise<void> | undefined

  private constructor(
    readonly settings: FabricSettings,
    private readonly dir: string,
    private readonly removeDir: () => void,
    private readonly supervisor: BrokerProcess,
    readonly admin: SkeinClient,
    readonly address: string,
  ) {
    this.forget = onCleanup(() => this.close())
  }

  /** Resolves when all nodes serve and each has shards. */
  static async start(settings: FabricSettings): Promise<Fabric> {
    const dir = mkdtempSync(path.join(settings.dir, "bench-fabric-"))
    const removeDir = ownDir(dir)
    const { nodes, shards } = settings
    // Clients begin at the first one, each node listens on one of the next.
    const port = await freePorts(nodes + 1)
    const supervisor = await BrokerProcess.start({
      name: "skein",
      command: process.execPath,
      args: [
        ...[skeinMain, "cluster", "start", "--nodes", String(nodes), "--port", String(port)],
        ...["--dir", path.join(dir, "data"), "--shards", String(shards), "--output", "json"],
      ],
      dir,
      port,
    })
    const address = `127.0.0.1:${port}`
    const admin = await connect({ address, clientName: "bench operator" })
    const fabric = new Fabric(settings, dir, removeDir, supervisor, admin, address)
    try {
      const isSpread = ({ nodes: all }: FabricStatus): boolean =>
        all.every(({ shards: own }) => own.length > 0)
      await fabric.until(
        "all nodes have shards",
        (status) => isWhole(nodes)(status) && isSpread(status),
      )
    } catch (error) {
      await fabric.close()
      throw error
    }
    return fabric
  }

  /** The supervisor; nodes are below it. */
  get pid(): number {
    return this.supervisor.pid
  }

  /** Waits until what the fabric says of itself is so. */
  async until(
    what: string,
    holds: (status: FabricStatus) => boolean,
    msMax = readyMsMax,
  ): Promise<FabricStatus> {
    const deadline = monotonicMs() + msMax
    for (;;) {
      const status = await this.admin
        .cluster({ timeoutMs: statusMsMax })
        .catch((error: Error) => error)
      if (!(status instanceof Error) && holds(status)) return status
      if (monotonicMs() > deadline) {
        throw new Error(`not within ${msMax} ms: ${what}; ${shown(status)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }

  /** All nodes serve, no shard is without one, nobody waits for anything. */
  whole(msMax = readyMsMax): Promise<FabricStatus> {
    return this.until("all nodes serve", isWhole(this.settings.nodes), msMax)
  }

  async node(name: string): Promise<FabricNode> {
    const { nodes } = await this.admin.cluster()
    const found = nodes.find(({ node }) => node === name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }

  /** Has the shard moved there, again and again while that is refused; nothing if it is there. */
  async bring(shard: number, node: string): Promise<void> {
    const deadline = monotonicMs() + readyMsMax
    for (;;) {
      const { nodes } = await this.whole()
      if (nodes.some((each) => each.node === node && each.shards.includes(shard))) return
      const refusal = await this.admin.moveShard(shard, node, { timeoutMs: moveMsMax }).then(
        () => undefined,
        (error: Error) => error,
      )
      if (refusal === undefined) return
      if (monotonicMs() > deadline) throw refusal
      await new Promise((resolve) => setTimeout(resolve, refusedMs))
    }
  }

  /** A new queue. */
  async declare(prefix: string): Promise<{ name: string; shard: number }> {
    const { name, shard } = await this.admin.declare(`${prefix}-${++this.declared}`)
    return { name, shard }
  }

  /** New queues, where the fabric likes them to be. */
  async declareMany(prefix: string, count: number): Promise<readonly string[]> {
    const names: string[] = []
    while (names.length < count) {
      const some = Array.from({ length: Math.min(declaresAtOnce, count - names.length) })
      const queues = await Promise.all(some.map(() => this.declare(prefix)))
      names.push(...queues.map(({ name }) => name))
    }
    return names
  }

  /** A new queue in this shard: others that come first stay, empty. */
  async declareIn(prefix: string, wanted: number): Promise<string> {
    for (let tries = 0; tries < declaredMax; tries++) {
      const { name, shard } = await this.declare(prefix)
      if (shard === wanted) return name
    }
    throw new Error(`no queue came into shard ${wanted}`)
  }

  /** How many owner tokens the shard's directory holds: always one, for a moment of a move none. */
  ownerTokens(shard: number): number {
    const name = `s${String(shard).padStart(3, "0")}`
    const files = readdirSync(path.join(this.dir, "data", "shards", name))
    return files.filter((file) => file.startsWith("owner.")).length
  }

  signal(pid: number, signal: "SIGCONT" | "SIGKILL" | "SIGSTOP" | "SIGTERM"): void {
    // A stopped process hears nothing: whatever ends the bench must end it by force.
    if (signal === "SIGSTOP") this.stopped.set(pid, ownGroup(pid))
    process.kill(pid, signal)
    if (signal !== "SIGCONT") return
    this.stopped.get(pid)?.()
    this.stopped.delete(pid)
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private async end(): Promise<void> {
    for (const pid of [...this.stopped.keys()]) this.signal(pid, "SIGCONT")
    await this.admin.close().catch(() => undefined)
    await this.supervisor.stop()
    this.forget()
    this.removeDir()
  }
}

export const isWhole =
  (count: number) =>
  ({ nodes, unplaced, manager }: FabricStatus): boolean =>
    nodes.length === count &&
    unplaced.length === 0 &&
    manager !== undefined &&
    nodes.every(({ state }) => state === "serving")

const shown = (status: Error | FabricStatus): string => {
  if (status instanceof Error) return status.message
  const { nodes, unplaced, problems, decisions } = status
  const each = nodes.map(({ node, state, shards }) => `${node} ${state} ${shards.length} shards`)
  const last = decisions.slice(-decisionsShown).map(({ what, reason }) => `${what} (${reason})`)
  return [...each, `${unplaced.length} without a node`, ...problems, ...last].join(", ")
}
