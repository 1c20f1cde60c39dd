/**
 * Pauses as a client sees them: times at which nothing was answered although something was due
 * all the time. Pure.
 */
import { firstAtOrAfter, type SampleColumns } from "./Samples.js"

/**
 * The longest time between two answers one after the other, of all such times that touch `fromMs`
 * to `toMs`; so a gap that began before or ended after counts whole. Before the first answer and
 * after the last one only what lies between `fromMs` and `toMs` counts: more is not known.
 */
export const longestGapMs = (doneMs: Float64Array, fromMs: number, toMs: number): number => {
  const first = firstAtOrAfter(doneMs, fromMs)
  let before = first === 0 ? fromMs : doneMs[first - 1]!
  let longest = 0
  for (let at = first; at < doneMs.length; at++) {
    const now = doneMs[at]!
    longest = Math.max(longest, now - before)
    before = now
    if (now >= toMs) return longest
  }
  return Math.max(longest, toMs - before)
}

/** From `fromMs` to the first answer after it to something that was due after it; or null. */
export const answeredAfterMs = (
  { doneMs, latencyMs }: SampleColumns,
  fromMs: number,
): number | null => {
  for (let at = firstAtOrAfter(doneMs, fromMs); at < doneMs.length; at++) {
    if (doneMs[at]! - latencyMs[at]! >= fromMs) return doneMs[at]! - fromMs
  }
  return null
}

/**
 * From `fromMs` to the last answer up to `toMs` that came later than `lateMs` after it was due:
 * from then on all that is offered is served as it comes. 0 when none was late.
 */
export const caughtUpAfterMs = (
  { doneMs, latencyMs }: SampleColumns,
  fromMs: number,
  toMs: number,
  lateMs: number,
): number => {
  let last = fromMs
  for (let at = firstAtOrAfter(doneMs, fromMs); at < doneMs.length; at++) {
    if (doneMs[at]! > toMs) break
    if (latencyMs[at]! > lateMs) last = doneMs[at]!
  }
  return last - fromMs
}
