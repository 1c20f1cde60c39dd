/**
 * Owns: what the manager of this node has told, numbered, for operators: the newest
 * `limits.decisionsKept` of them, as sentences.
 * Must not know: who reads them.
 *
 * The numbers are this process's: a reader that comes with those of another log begins anew.
 */
import { type Clock, limits, type NodeName, shardName } from "@skein/model"
import type { Move } from "@skein/placement"
import type { DecisionFacts, DecisionPage, DecisionsRequest, NumberedDecision } from "@skein/wire"
import type { ManagerEvent } from "./ManagerEvent.js"

export class DecisionLog {
  private readonly kept: NumberedDecision[] = []
  private last = 0

  constructor(
    private readonly node: NodeName,
    /** Unlike those of all other processes: the node's instance. */
    private readonly log: string,
    private readonly clock: Pick<Clock, "wallMs">,
  ) {}

  /** Give it to the manager as `onDecision`. */
  readonly add = (event: ManagerEvent): void => {
    this.last += 1
    const { what, reason } = sentences(event, this.node)
    const atMs = this.clock.wallMs()
    const facts = factsOf(event)
    this.kept.push({ number: this.last, event: event._tag, atMs, what, reason, ...facts })
    // In large steps: each of them moves all that are kept.
    if (this.kept.length >= 2 * limits.decisionsKept) this.kept.splice(0, limits.decisionsKept)
  }

  /** The newest, the last one last. */
  newest(count: number): readonly NumberedDecision[] {
    return count <= 0 ? [] : this.kept.slice(-count)
  }

  page({ after = 0, log, rowsMax = limits.decisionsKept }: DecisionsRequest = {}): DecisionPage {
    const since = log === undefined || log === this.log ? after : 0
    const rows = Math.min(Math.max(1, rowsMax), limits.decisionsKept)
    const kept = this.newest(limits.decisionsKept)
    const decisions = kept.filter(({ number }) => number > since).slice(0, rows)
    return { log: this.log, decisions, last: decisions.at(-1)?.number ?? this.last }
  }
}

interface Sentences {
  readonly what: string
  readonly reason: string
}

const sentences = (event: ManagerEvent, self: NodeName): Sentences => {
  switch (event._tag) {
    case "NodeJoined":
      return { what: `${event.node} joined`, reason: `instance ${event.instance}` }
    case "NodeServes":
      return { what: `${event.node} serves`, reason: `instance ${event.instance}` }
    case "NodeLeaves":
      return { what: `${event.node} leaves`, reason: "it said so" }
    case "NodeSilent":
      return { what: `${event.node} is silent`, reason: "no sign of life, or its process is gone" }
    case "NodeForgotten":
      return { what: `${event.node} is forgotten`, reason: `instance ${event.instance} is gone` }
    case "ManagerClaimed":
      return { what: `${self} is the manager, epoch ${event.epoch}`, reason: event.because }
    case "ManagerLost":
      return { what: `${self} is the manager no more`, reason: "another one took the token" }
    case "NodeDrained":
      return { what: `${event.node} is drained`, reason: "an operator asked for it" }
    case "NodeRevived":
      return { what: `${event.node} is revived`, reason: "an operator asked for it" }
    default:
      return ofTable(event)
  }
}

type TableEvent = Extract<
  ManagerEvent,
  {
    readonly _tag:
      | "Fault"
      | "MoveEnded"
      | "MovePlanned"
      | "TableConflict"
      | "TableRefused"
      | "TableReplaced"
  }
>

const ofTable = (event: TableEvent): Sentences => {
  switch (event._tag) {
    case "TableReplaced": {
      const { moves } = event
      const what =
        moves.length === 1
          ? way(moves[0])
          : `table version ${event.version}${moves.length === 0 ? "" : `: ${moves.length} shards`}`
      return { what, reason: event.because }
    }
    case "TableConflict":
      return {
        what: `table version ${event.version} was not stored`,
        reason: "another node wrote first: decided again",
      }
    case "TableRefused":
      return { what: "the stored table cannot be used", reason: event.error.detail }
    case "MovePlanned":
      return { what: `${way(event.move)} begins`, reason: event.move.reason }
    case "MoveEnded": {
      const { move, outcome, tookMs, why } = event
      const what = `${way(move)} ${outcome} after ${Math.round(tookMs)} ms`
      return { what, reason: why ?? move.reason }
    }
    case "Fault":
      return { what: "a fault; it is tried again", reason: event.detail }
  }
}

/** A change of the table has those of its shard when it is about one. */
const factsOf = (event: ManagerEvent): DecisionFacts => {
  switch (event._tag) {
    case "MovePlanned":
      return moveFacts(event.move)
    case "MoveEnded":
      return { ...moveFacts(event.move), outcome: event.outcome, tookMs: event.tookMs }
    case "TableReplaced": {
      const { version, moves } = event
      return { version, ...(moves.length === 1 && moveFacts(moves[0])) }
    }
    case "TableConflict":
      return { version: event.version }
    default:
      return "node" in event ? { node: event.node } : {}
  }
}

const moveFacts = ({ shard, from, to, kind }: Move): DecisionFacts => ({
  shard,
  ...(from !== undefined && { from }),
  to,
  kind,
})

const way = (move: {
  readonly shard: number
  readonly from: string | undefined
  readonly to: string
}): string => `${shardName(move.shard)}: ${move.from ?? "-"} -> ${move.to}`
