/**
 * Owns: the calls of a MovePeer as plain messages, and back. A message that is none is refused.
 * Must not know: how messages travel.
 */
import { type NodeName, type SkeinError, skeinError } from "@skein/model"
import type { Move } from "@skein/placement"
import type { MoveMessage } from "../engine/NodeDoors.js"
import type { MovePeer, MoveRef } from "./MovePeer.js"

/** Brings a message to a node; answers what its receiver answered. */
export type SendMove = (message: MoveMessage) => Promise<boolean>

/** The peer behind `send`. */
export const movePeerOver = (send: SendMove): MovePeer => {
  const tell = async (call: string, move: MoveRef, more: MoveMessage = {}): Promise<void> => {
    await send({ call, ...move, ...more })
  }
  return {
    invite: (move) => tell("invite", move),
    behind: (move, bytes) => tell("behind", move, { bytes }),
    handed: (move, epoch) => tell("handed", move, { epoch }),
    serving: (move, epoch) => tell("serving", move, { epoch }),
    refused: (move, why) => tell("refused", move, { why }),
    uninvite: (move) => tell("uninvite", move),
    startMove: async ({ shard, from, to, reason, kind }) => {
      const isDone = await send({ call: "startMove", shard, from, to, reason, kind })
      return isDone ? "done" : "refused"
    },
  }
}

/** Carries a message out: `false` only for a move that was refused. Rejects with ProtocolError. */
export const receiveMove = async (peer: MovePeer, message: MoveMessage): Promise<boolean> => {
  if (message.call === "startMove") return (await peer.startMove(moveOf(message))) === "done"
  const move = refOf(message)
  switch (message.call) {
    case "invite":
      await peer.invite(move)
      return true
    case "behind":
      await peer.behind(move, count(message.bytes))
      return true
    case "handed":
      await peer.handed(move, count(message.epoch))
      return true
    case "serving":
      await peer.serving(move, count(message.epoch))
      return true
    case "refused":
      await peer.refused(move, text(message.why))
      return true
    case "uninvite":
      await peer.uninvite(move)
      return true
    default:
      throw malformed()
  }
}

const refOf = ({ shard, from, to, attempt }: MoveMessage): MoveRef => ({
  shard: count(shard),
  from: text(from),
  to: text(to),
  attempt: text(attempt),
})

const kinds: readonly Move["kind"][] = ["allocate", "balance", "evacuate", "operator", "undo"]

const moveOf = ({ shard, from, to, reason, kind }: MoveMessage): Move & { from: NodeName } => {
  const known = kinds.find((one) => one === kind)
  if (known === undefined) throw malformed()
  return {
    shard: count(shard),
    from: text(from),
    to: text(to),
    reason: text(reason),
    kind: known,
  }
}

const count = (value: unknown): number => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value
  throw malformed()
}

const textCharsMax = 4096

const text = (value: unknown): string => {
  if (typeof value === "string" && value.length <= textCharsMax) return value
  throw malformed()
}

const malformed = (): SkeinError =>
  skeinError("ProtocolError", "what another node says of a move has no sense")
