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
   * It was sent over more than one connection: bytes of an older one may still reach the node, so
   * its number must never carry another content.
   */
  ambiguous = false
  refusal: SkeinError | undefined = undefined
}

const noBytes = new Uint8Array(0)
