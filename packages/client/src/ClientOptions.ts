/** Owns: what any client takes, however it reaches its fabric. */
import type { CallOptions } from "./Deadline.js"
import type { Runtime } from "./Runtime.js"

export interface ClientOptions extends CallOptions {
  /** Clock, randomness and end of tick; default those of the process. */
  readonly runtime?: Runtime
}
