/** Owns: the seam between a connection and the control plane: rpc payloads in, answers out. */
import type { SkeinError } from "@skein/model"

export interface AdminDoor {
  /** Answers the call exactly once, with the packed result or an error. */
  readonly call: (payload: Uint8Array, answer: (result: Uint8Array | SkeinError) => void) => void
}
