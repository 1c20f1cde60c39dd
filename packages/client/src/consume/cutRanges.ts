/**
 * Owns: how much of a list of ranges one request may name: a node refuses one of more ranges, or of
 * more messages than a session can hold.
 */
import { limits, type Sequence } from "@skein/model"

/**
 * Splits pairs `first, last` (ascending, not overlapping) after at most `pairsMax` pairs and
 * `messagesMax` messages, within a range if need be. `messages`: how many the head names.
 */
export const cutRanges = (
  ranges: readonly Sequence[],
  pairsMax: number,
  messagesMax: number,
): { head: Sequence[]; rest: Sequence[]; messages: number } => {
  const head: Sequence[] = []
  let messages = 0
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at]
    const last = Math.min(ranges[at + 1], first + messagesMax - messages - 1)
    if (head.length >= 2 * pairsMax || last < first) {
      return { head, rest: ranges.slice(at), messages }
    }
    head.push(first, last)
    messages += last - first + 1
    if (last < ranges[at + 1]) {
      return { head, rest: [last + 1, ...ranges.slice(at + 1)], messages }
    }
  }
  return { head, rest: [], messages }
}

/** All of `ranges`, in parts for one request each. */
export const requestRanges = (ranges: readonly Sequence[]): Sequence[][] => {
  const parts: Sequence[][] = []
  for (let left = ranges; left.length > 0; ) {
    const { head, rest } = cutRanges(left, limits.settleRangesMax, limits.leasedPerSessionMax)
    parts.push(head)
    left = rest
  }
  return parts
}
