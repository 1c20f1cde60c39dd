/**
 * Owns: the end of a session. What it holds goes back to its place: returned when its client closed
 * it, failed when it was lost. Its waiting fetches get empty answers.
 */
import type { Sequence } from "@skein/model"
import type { EndSession } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { Event, SessionForgotten } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { sortedRanges } from "../state/ranges.js"
import { done } from "./decisions.js"

export const decideEndSession = (state: QueueState, command: EndSession): Decision => {
  const session = state.sessions.byId.get(command.session)
  if (session === undefined) return done()
  const events: Event[] = []
  const held: Sequence[] = []
  // At most `leasedPerSessionMax` messages.
  for (const lease of session.leases) for (const end of state.leases.heldOf(lease)) held.push(end)
  if (held.length > 0) {
    events.push({
      _tag: "Ended",
      outcome: command.reason === "closed" ? "return" : "fail",
      cause: command.reason,
      ranges: sortedRanges(held),
    })
  }
  events.push({ _tag: "SessionForgotten", session: command.session })
  const deliveries = session.waits.map(({ fetchNumber }) => ({
    session: command.session,
    fetchNumber,
    runs: [],
  }))
  return done(events, deliveries)
}

export const evolveSessionForgotten = (state: QueueState, event: SessionForgotten): void =>
  state.sessions.forget(event.session)
