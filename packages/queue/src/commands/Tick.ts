/**
 * Owns: what time does: leases run out (their deliveries failed), waits end with an empty answer.
 * A node that stood still extends every lease and wait by as much first, so that none pays for it.
 */
import { limits, type Now, type Sequence } from "@skein/model"
import type { Tick } from "../Command.js"
import type { Decision, Delivery } from "../Decision.js"
import type { Event, LeasesShifted } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { sortedRanges } from "../state/ranges.js"
import { done } from "./decisions.js"

export const decideTick = (state: QueueState, command: Tick, now: Now): Decision => {
  const events: Event[] = []
  const deliveries: Delivery[] = []
  if (command.stallMs > 0) events.push({ _tag: "LeasesShifted", byMs: command.stallMs })
  const dueMs = now.monotonicMs - Math.max(command.stallMs, 0)
  const held: Sequence[] = []
  for (const lease of state.leases.due.dueAt(dueMs)) {
    // The others are still due, and get a turn at once.
    if (held.length / 2 >= limits.eventRangesMax) break
    for (const end of state.leases.heldOf(lease)) held.push(end)
  }
  if (held.length > 0) {
    events.push({ _tag: "Ended", outcome: "fail", cause: "expired", ranges: sortedRanges(held) })
  }
  const waits = state.sessions.waits.dueAt(dueMs)
  waits.sort((a, b) => a.untilMs - b.untilMs || a.fetchNumber - b.fetchNumber)
  for (const { session, fetchNumber } of waits) {
    events.push({ _tag: "FetchEnded", session: session.id, fetchNumber })
    deliveries.push({ session: session.id, fetchNumber, runs: [] })
  }
  return done(events, deliveries)
}

export const evolveLeasesShifted = (state: QueueState, event: LeasesShifted): void => {
  state.leases.due.shift(event.byMs)
  state.sessions.waits.shift(event.byMs)
}
