/**
 * Owns: what two nodes say to each other about a planned move, and the manager's word that begins
 * it. Any call may be lost, come twice or late: each names its move, and whoever gets one of a move
 * that is over leaves it.
 * Must not know: how calls travel.
 */
import type { Epoch, NodeName, Shard } from "@skein/model"
import type { Move } from "@skein/placement"

/** One attempt to move a shard. */
export interface MoveRef {
  readonly shard: Shard
  readonly from: NodeName
  readonly to: NodeName
  /** Tells attempts apart: the source's instance and a number of its own. */
  readonly attempt: string
}

export type MoveOutcome = "done" | "refused"

/** Another node, as one that takes part in moves. A call rejects when it surely did not arrive. */
export interface MovePeer {
  /** Source to target: read along, and tell how far behind you are. */
  readonly invite: (move: MoveRef) => Promise<void>
  /** Target to source. */
  readonly behind: (move: MoveRef, bytes: number) => Promise<void>
  /** Source to target: the token is yours. */
  readonly handed: (move: MoveRef, epoch: Epoch) => Promise<void>
  /** Target to source. */
  readonly serving: (move: MoveRef, epoch: Epoch) => Promise<void>
  /** Target to source: this target is out. */
  readonly refused: (move: MoveRef, why: string) => Promise<void>
  /** Source to target: the move is taken back. */
  readonly uninvite: (move: MoveRef) => Promise<void>
  /** Manager to source. Answers when the move has ended; asked again meanwhile, with its end. */
  readonly startMove: (move: Move) => Promise<MoveOutcome>
}
