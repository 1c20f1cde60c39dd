/**
 * Owns: the last decisions of the manager on this node, as operators read them.
 * Must not know: what led to them.
 */
import type { ManagerEvent } from "@skein/cluster"
import { type Clock, shardName } from "@skein/model"
import type { ClusterDecision } from "@skein/wire"

const keptMax = 100

export class Decisions {
  private kept: ClusterDecision[] = []

  constructor(private readonly clock: Pick<Clock, "wallMs">) {}

  /** The newest last. */
  get all(): readonly ClusterDecision[] {
    return this.kept
  }

  take(event: ManagerEvent): void {
    const said = sentence(event)
    if (said === undefined) return
    this.kept = [...this.kept.slice(1 - keptMax), { atMs: this.clock.wallMs(), ...said }]
  }
}

/** `undefined`: an operator need not know. */
export const sentence = (
  event: ManagerEvent,
): Pick<ClusterDecision, "reason" | "what"> | undefined => {
  switch (event._tag) {
    case "NodeJoined":
      return { what: `${event.node} joined`, reason: `its instance is ${event.instance}` }
    case "NodeServes":
      return { what: `${event.node} serves`, reason: "it says so" }
    case "NodeLeaves":
      return { what: `${event.node} leaves`, reason: "it was told to stop" }
    case "NodeSilent":
      return { what: `${event.node} fell silent`, reason: "no sign of life came from it" }
    case "NodeDrained":
      return { what: `${event.node} is drained`, reason: "an operator asked for it" }
    case "NodeRevived":
      return { what: `${event.node} is revived`, reason: "an operator asked for it" }
    case "ManagerClaimed":
      return { what: "this node places the shards", reason: event.because }
    case "ManagerLost":
      return { what: "another node places the shards", reason: "it took the manager's token" }
    case "TableReplaced":
      return { what: `shard table ${event.version}`, reason: event.because }
    case "TableRefused":
      return { what: "the shard table cannot be used", reason: event.error.detail }
    case "MovePlanned":
      return { what: `${shardName(event.move.shard)} moves`, reason: event.move.reason }
    case "MoveEnded": {
      const { move, outcome, tookMs, why } = event
      const ended = `${shardName(move.shard)} to ${move.to}: ${outcome}`
      return { what: ended, reason: why ?? `it took ${Math.round(tookMs)} ms` }
    }
    case "Fault":
      return { what: "the manager met a fault", reason: event.detail }
    case "NodeForgotten":
    case "TableConflict":
      return undefined
  }
}
