/**
 * Owns: what to do when frames were refused or their connection broke. Pure: from the frames and
 * the errors they met to one verdict; the lowest frame decides, since the node takes frames in
 * order.
 */
import { type ErrorTag, invariant, type SkeinError } from "@skein/model"
import type { OutFrame } from "./OutFrame.js"

export type Verdict =
  /** Send all of them again as they are. */
  | { readonly next: "resend"; readonly wait: boolean }
  /** None of them is stored: put them back and cut frames anew. */
  | { readonly next: "renumber"; readonly wait: boolean }
  /** Somebody's message is bad: halve the lowest frame until it is alone. */
  | { readonly next: "split" }
  /** The lowest frame fails with its error, the others go on. */
  | { readonly next: "fail"; readonly error: SkeinError }
  /** The queue is not there any more: all fail. */
  | { readonly next: "gone"; readonly error: SkeinError }
  /** The node does not know this producer: go on as a new one. */
  | { readonly next: "newProducer"; readonly why: SkeinError }

// The node did not say what became of the frame.
const unknownOutcome = new Set<ErrorTag>(["ConnectionFailed", "TimedOut", "Aborted"])
// It will not serve the frame again, and may have failed after it was stored.
const failedMeanwhile = new Set<ErrorTag>(["FabricClosed", "InternalError"])
const goneForAll = new Set<ErrorTag>(["QueueNotFound", "Quarantined", "FabricClosed"])
const oneMessageAtFault = new Set<ErrorTag>(["BodyTooLarge", "FrameInvalid"])

/** The node may not know either: the shard was closed while the frame's commit was under way. */
const saysNothing = (error: SkeinError): boolean =>
  unknownOutcome.has(error._tag) || error.data.outcome === "unknown"

/** After this answer the frame may be stored, now and whatever is answered later. */
export const leavesOpen = (error: SkeinError): boolean =>
  saysNothing(error) || failedMeanwhile.has(error._tag)

export const judge = (frames: readonly OutFrame[]): Verdict => {
  invariant(frames.length > 0, "there is something to judge")
  const lowest = frames[0]
  const error = lowest.refusal
  // A new connection: nothing was answered over it yet.
  if (error === undefined) return { next: "resend", wait: false }
  if (goneForAll.has(error._tag)) return { next: "gone", error }
  if (saysNothing(error)) return { next: "resend", wait: true }
  if (error._tag === "ProducerUnknown") return { next: "newProducer", why: error }
  if (error._tag === "SequenceGap") return judgeGap(lowest, error)
  if (error.retryable) {
    return frames.every(surelyNotStored)
      ? { next: "renumber", wait: true }
      : { next: "resend", wait: true }
  }
  const single = lowest.calls.length === 1
  if (oneMessageAtFault.has(error._tag) && !single && frames.every(surelyNotStored)) {
    return { next: "split" }
  }
  return { next: "fail", error }
}

/**
 * The node expects this very frame: it was overtaken, send again. Expecting an older one means that
 * it lost what it had confirmed; a newer one, that it has forgotten this frame's result.
 */
const judgeGap = (lowest: OutFrame, error: SkeinError): Verdict =>
  error.data.expected === lowest.number
    ? { next: "resend", wait: true }
    : { next: "newProducer", why: error }

/** The node said so of every sending. */
export const surelyNotStored = (frame: OutFrame): boolean => {
  const error = frame.refusal
  if (frame.mayBeStored || error === undefined) return false
  return error._tag !== "SequenceGap" || Number(error.data.expected) <= frame.number
}
