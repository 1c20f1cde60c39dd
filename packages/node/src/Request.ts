/** Owns: what waits in a queue's mailbox, and how much room it takes there. */
import type { SkeinError } from "@skein/model"
import type { Command, Reply } from "@skein/queue"
import type { FetchWait } from "./FetchWait.js"

/** `frame` goes with a Publish, `wait` with a Fetch or CancelFetch. */
export interface Request {
  readonly command: Command
  readonly frame?: Uint8Array
  readonly wait?: FetchWait
  readonly answer: (reply: Reply) => void
  readonly fail: (error: SkeinError) => void
}

/** What a request costs in the mailbox beside its frame and its ranges. */
const requestBytes = 128
const rangeEndBytes = 8
/** Without the frame. */
export const commandBytes = (command: Command): number => {
  let bytes = requestBytes
  if (command._tag === "Extend") bytes += command.ranges.length * rangeEndBytes
  if (command._tag === "Fetch" || command._tag === "Settle") {
    for (const settle of command.settles) bytes += settle.ranges.length * rangeEndBytes
  }
  return bytes
}
