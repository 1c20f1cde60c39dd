/** Owns: one frame on its way: its bytes and number, and which calls its messages belong to. */
import type { SkeinError } from "@skein/model"
import type { FabricConnection } from "../link/FabricConnection.js"
import type { PublishCall } from "./PublishCall.js"

export class OutFrame {
  number = 0
  bytes: Uint8Array = noBytes
  count = 0
  /** Message ranges: `counts[i]` messages of `calls[i]` from index `froms[i]`. */
  readonly calls: PublishCall[] = []
  readonly froms: number[] = []
  readonly counts: number[] = []
  /** Monotonic; negative: not sent yet. */
  firstSentMs = -1
  /** The connection of the last sending; `undefined` when that is gone. */
  sentOver: FabricConnection | undefined = undefined
  /** An answer over `sentOver` is outstanding. */
  waiting = false
  /**
   * A sending of it was lost with its connection, or answered without a word of what became of it.
   * Once true it stays so, whatever later sendings are told: a refusal says nothing of an earlier
   * one. Its number must never carry another content.
   */
  mayBeStored = false
  refusal: SkeinError | undefined = undefined
}

const noBytes = new Uint8Array(0)
