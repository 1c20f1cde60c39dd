/**
 * Owns: a rolling restart, step by step: each node is drained, its process stopped, another one
 * waited for and given shards again, before the next node is touched. The manager's node comes
 * last, so that the manager changes once.
 * Must not know: how it is asked for and shown, who starts the processes again.
 *
 * Before each node all of them must serve and every shard be open: a node that is missing ends it.
 * Whatever ends it, the node at hand is revived: it may have shards again.
 * A drained node's shards remember it as their home and go back there, so that each shard moves
 * about twice in all.
 */
import type { CallOptions, SkeinClient } from "@skein/client"
import { limits, type NodeName, skeinError } from "@skein/model"
import type { ClusterNode, DecisionsRequest, NumberedDecision } from "@skein/wire"
import { clusterProblems } from "./clusterProblems.js"

export interface RestartedNode {
  readonly node: NodeName
  /** How many shards it had. */
  readonly shards: number
  readonly tookMs: number
}

/** The calls that it takes. */
export type RestartClient = Pick<
  SkeinClient,
  "cluster" | "decisions" | "drainNode" | "planMoves" | "restartNode" | "reviveNode" | "shardLoads"
>

export interface RollingRestartParts {
  readonly client: RestartClient
  readonly call: CallOptions
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly pause: () => Promise<void>
  readonly onStep: (text: string) => void
}

/** The fabric is not whole: nothing was touched since the last step that was told. */
export class NotWhole extends Error {
  override readonly name = "NotWhole"
  constructor(readonly problems: readonly string[]) {
    super(problems.join("; "))
  }
}

/** A move that is under way, or a shard that is just being opened, is waited for so long. */
const wholeWithinMs = 10_000
/** A drain goes on as long as a shard leaves within this. */
const stuckAfterMs = limits.moveWithinMs
const backWithinMs = 60_000
/** Shards go back for so long at most; what is away then stays there. */
const settledWithinMs = 30_000

export class RollingRestart {
  /** How many were done since it began. */
  moves = 0
  private isOver = false

  constructor(private readonly parts: RollingRestartParts) {}

  /** The nodes in their order. Rejects with NotWhole, NodeUnknown or RestartRefused. */
  async order(asked: readonly NodeName[]): Promise<readonly NodeName[]> {
    const { client, call } = this.parts
    const { nodes, manager } = await client.cluster(call)
    const names = nodes.map(({ node }) => node)
    for (const node of asked) {
      if (names.includes(node)) continue
      throw skeinError("NodeUnknown", `there is no node ${node}: the nodes are ${names.join(", ")}`)
    }
    await this.whole(names)
    if (names.length < 2) {
      const detail = `${names[0]} is the only node: nobody would serve meanwhile`
      throw skeinError("RestartRefused", detail)
    }
    const chosen = names.filter((node) => asked.length === 0 || asked.includes(node))
    return chosen.sort((a, b) => Number(a === manager) - Number(b === manager))
  }

  async run(order: readonly NodeName[]): Promise<readonly RestartedNode[]> {
    const { client, call } = this.parts
    const { nodes } = await client.cluster(call)
    const names = nodes.map(({ node }) => node)
    const { log, last } = await client.decisions({}, call)
    const counting = this.countMoves({ log, after: last })
    const done: RestartedNode[] = []
    try {
      for (const node of order) {
        await this.whole(names)
        done.push(await this.restart(node))
      }
    } finally {
      this.isOver = true
      await counting
    }
    return done
  }

  private async restart(node: NodeName): Promise<RestartedNode> {
    const { client, call, nowMs, onStep } = this.parts
    const beganMs = nowMs()
    const { shards, instance } = await this.look(node)
    onStep(`${node}: ${shards.length} shards go to the others`)
    await client.drainNode(node, call)
    try {
      await this.untilEmpty(node)
      await client.restartNode(node, instance, call)
      onStep(`${node}: is restarted`)
      await this.until(`${node} is back`, backWithinMs, async () => {
        const seen = await this.look(node)
        return seen.instance !== instance && seen.state === "draining"
      })
    } finally {
      // What went wrong before says more than that this did, too.
      await client.reviveNode(node, { timeoutMs: limits.managerWithinMs }).catch((error) => {
        onStep(`${node}: is still drained, see \`skein cluster revive\`: ${String(error)}`)
      })
    }
    onStep(`${node}: is back and gets shards`)
    await this.settled()
    return { node, shards: shards.length, tookMs: Math.round(nowMs() - beganMs) }
  }

  private async look(name: NodeName): Promise<ClusterNode> {
    const { client, call } = this.parts
    const { nodes } = await client.cluster(call)
    const node = nodes.find((each) => each.node === name)
    return node ?? { node: name, instance: "", address: "", pid: 0, state: "silent", shards: [] }
  }

  /** Every node serves and every shard is open; rejects with NotWhole. */
  private async whole(names: readonly NodeName[]): Promise<void> {
    const { client, call, nowMs } = this.parts
    const untilMs = nowMs() + wholeWithinMs
    for (;;) {
      const [status, loads] = await Promise.all([client.cluster(call), client.shardLoads(call)])
      const problems = [...clusterProblems(status, loads)]
      for (const name of names) {
        const state = status.nodes.find(({ node }) => node === name)?.state ?? "gone"
        if (state !== "serving") problems.push(`${name} is ${state}`)
      }
      if (problems.length === 0) return
      if (nowMs() >= untilMs) throw new NotWhole(problems)
      await this.wait()
    }
  }

  private async untilEmpty(node: NodeName): Promise<void> {
    const { nowMs } = this.parts
    let left = Number.POSITIVE_INFINITY
    let sinceMs = nowMs()
    for (;;) {
      const { shards } = await this.look(node)
      if (shards.length === 0) return
      if (shards.length < left) sinceMs = nowMs()
      left = Math.min(left, shards.length)
      if (nowMs() - sinceMs >= stuckAfterMs) {
        throw skeinError("TimedOut", `${node} still has ${left} shards: it was not restarted`)
      }
      await this.wait()
    }
  }

  /** Balance has nothing to do any more, as far as that comes soon. */
  private async settled(): Promise<void> {
    const { client, call } = this.parts
    const isQuiet = async () => {
      const { moves, held } = await client.planMoves(call)
      return moves.length === 0 && held === undefined
    }
    await this.until("", settledWithinMs, isQuiet).catch(() => {})
    this.parts.signal.throwIfAborted()
  }

  private async until(what: string, withinMs: number, isSo: () => Promise<boolean>): Promise<void> {
    const { nowMs } = this.parts
    const untilMs = nowMs() + withinMs
    while (!(await isSo())) {
      if (nowMs() >= untilMs) throw skeinError("TimedOut", `not within ${withinMs} ms: ${what}`)
      await this.wait()
    }
  }

  private async wait(): Promise<void> {
    await this.parts.pause()
    this.parts.signal.throwIfAborted()
  }

  /** The manager goes with its node, and its log with it: moves are counted as they end. */
  private async countMoves(from: DecisionsRequest): Promise<void> {
    const { client, call, pause, signal } = this.parts
    let request = from
    for (;;) {
      const isLast = this.isOver
      const page = await client.decisions(request, call).catch(() => undefined)
      if (page !== undefined) {
        request = { log: page.log, after: page.last }
        const isDone = ({ event, outcome }: NumberedDecision): boolean =>
          event === "MoveEnded" && outcome === "done"
        this.moves += page.decisions.filter(isDone).length
      }
      // Once aborted, calls and pauses end at once: this would let nothing else have its turn.
      if (isLast || signal.aborted) return
      await pause()
    }
  }
}
