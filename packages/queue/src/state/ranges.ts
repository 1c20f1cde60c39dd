/**
 * Owns: lists of ranges as they travel in commands and events: pairs `first, last` (inclusive),
 * ascending, not overlapping.
 */
import { limits, type Sequence, skeinError, type Tagged } from "@skein/model"

export type Ranges = readonly Sequence[]

/** Appends a range, or lengthens the last one when it follows at once. */
export const pushRange = (ranges: Sequence[], first: Sequence, last: Sequence): void => {
  if (ranges.length > 0 && ranges[ranges.length - 1] === first - 1) {
    ranges[ranges.length - 1] = last
  } else ranges.push(first, last)
}

/** Pairs in any order, not overlapping -> ascending and merged. */
export const sortedRanges = (ranges: Ranges): Sequence[] => {
  let ascending = true
  for (let at = 2; at < ranges.length; at += 2) {
    if (ranges[at] < ranges[at - 2]) ascending = false
  }
  if (ascending) return mergedRanges(ranges)
  const pairs: [Sequence, Sequence][] = []
  for (let at = 0; at < ranges.length; at += 2) pairs.push([ranges[at], ranges[at + 1]])
  return mergedRanges(pairs.sort((a, b) => a[0] - b[0]).flat())
}

/** Why these are not ranges of sequences, or `undefined` if they are. */
export const rangesProblem = (ranges: Ranges): string | undefined => {
  if (ranges.length % 2 !== 0) return "a range has no end"
  let before = 0
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at]
    const last = ranges[at + 1]
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) {
      return "the end of a range is not a sequence number"
    }
    if (first <= before || last < first) return "ranges ascend, start at 1 and do not overlap"
    before = last
  }
  return undefined
}

export const countRanges = (ranges: Ranges): number => {
  let count = 0
  for (let at = 0; at < ranges.length; at += 2) count += ranges[at + 1] - ranges[at] + 1
  return count
}

/** Why these are more ranges or messages than one command may name; looks at no message. */
export const tooMuchNamed = (
  pairs: number,
  messages: number,
): Tagged<"LimitExceeded"> | undefined => {
  if (pairs > limits.settleRangesMax) {
    return skeinError("LimitExceeded", `${pairs} ranges are named at once`, {
      settleRangesMax: limits.settleRangesMax,
    })
  }
  if (messages > limits.leasedPerSessionMax) {
    return skeinError("LimitExceeded", `${messages} messages are named at once`, {
      leasedPerSessionMax: limits.leasedPerSessionMax,
    })
  }
  return undefined
}

const mergedRanges = (ranges: Ranges): Sequence[] => {
  const merged: Sequence[] = []
  for (let at = 0; at < ranges.length; at += 2) pushRange(merged, ranges[at], ranges[at + 1])
  return merged
}
