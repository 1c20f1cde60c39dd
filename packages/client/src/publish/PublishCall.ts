/**
 * Owns: one publish call from its acceptance to its end: its messages, its promise, how much of it
 * was put into frames and confirmed. A call of one message is itself that message of the frame, so
 * that awaiting publishers cost one object and one promise each.
 */
import type { SkeinError } from "@skein/model"
import type { FrameMessage } from "@skein/wire"
import { Deferred } from "../Deferred.js"

/** Where a message was stored. */
export interface Published {
  /** Position in its queue, from 1; `undefined` for a duplicate, which has none of its own. */
  readonly sequence: number | undefined
  /** It repeated a dedup id of the window and counts as stored. */
  readonly duplicate: boolean
}

export class PublishCall
  extends Deferred<Published | readonly Published[]>
  implements FrameMessage
{
  readonly body: Uint8Array
  key?: Uint8Array
  headers?: Uint8Array
  dedup?: Uint8Array
  /** All messages of a call of many; `undefined` for a call of one. */
  readonly many: readonly FrameMessage[] | undefined
  readonly count: number
  readonly bytes: number
  readonly deadlineMs: number
  readonly timeoutMs: number
  /** The next message to be put into a frame. */
  next = 0
  confirmed = 0
  done = false
  /** Why the node last refused a frame with messages of it. */
  refusal: SkeinError | undefined = undefined
  forgetSignal: (() => void) | undefined = undefined
  results: Published[] | undefined = undefined

  constructor(
    body: Uint8Array,
    many: readonly FrameMessage[] | undefined,
    bytes: number,
    deadlineMs: number,
    timeoutMs: number,
  ) {
    super()
    this.body = body
    this.many = many
    this.count = many === undefined ? 1 : many.length
    this.bytes = bytes
    this.deadlineMs = deadlineMs
    this.timeoutMs = timeoutMs
  }

  message(index: number): FrameMessage {
    return this.many === undefined ? this : this.many[index]
  }
}
