/**
 * Owns: what a policy answers: moves with reasons, and what they are expected to bring.
 */
import type { NodeName, Shard } from "@skein/model"

export interface Move {
  readonly shard: Shard
  /** `undefined`: no living node has it. */
  readonly from: NodeName | undefined
  readonly to: NodeName
  /** A sentence for a person, with the numbers behind the decision. */
  readonly reason: string
  /** `evacuate`: its node is draining or leaving; `undo`: an earlier move made things worse. */
  readonly kind: "allocate" | "balance" | "evacuate" | "operator" | "undo"
}

export interface Plan {
  readonly moves: readonly Move[]
  /** Load of the busiest node divided by that of the idlest, of those that may get shards. */
  readonly spread: { readonly before: number; readonly after: number }
  /** Why there are no (more) moves although the spread may ask for some. */
  readonly held?: string
}
