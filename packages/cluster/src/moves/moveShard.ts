/**
 * Owns: how the manager's node has a planned move carried out: asks the shard's owner, within a
 * bound. When no answer comes, the token says how it ended.
 */
import type { SeenNode } from "@skein/journal"
import { type Clock, type InstanceId, limits, type NodeName, type Shard } from "@skein/model"
import type { MoveShard } from "../manager/MoveRunner.js"
import type { MovePeer } from "./MovePeer.js"

export interface MoveShardOptions {
  readonly clock: Clock
  readonly nodes: () => readonly SeenNode[]
  readonly peerOf: (node: NodeName) => MovePeer
  /** The instance that holds the shard's token now. */
  readonly holderOf: (shard: Shard) => Promise<InstanceId | undefined>
}

export const makeMoveShard =
  ({ clock, nodes, peerOf, holderOf }: MoveShardOptions): MoveShard =>
  async (move) => {
    if (move.from === undefined) return "refused"
    try {
      return await within(clock, peerOf(move.from).startMove(move))
    } catch {
      const holder = await holderOf(move.shard)
      const there = nodes().some(({ instance, node }) => instance === holder && node === move.to)
      return there ? "done" : "refused"
    }
  }

const within = <A>(clock: Clock, call: Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const disarm = clock.setTimer(limits.moveWithinMs, () => reject(new Error("no answer")))
    call.then(resolve, reject).finally(disarm)
  })
