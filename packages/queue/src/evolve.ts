/**
 * Owns: which part of the state an event changes, and which events are journaled. Never rejects: an
 * event that cannot have happened is an InvariantViolation, and the shell sets the queue aside.
 */
import { invariant } from "@skein/model"
import { evolveCreated, evolveOpened } from "./commands/Create.js"
import { evolveDeleted } from "./commands/Delete.js"
import { evolveLeased, evolveRedelivered, evolveTouched } from "./commands/Deliver.js"
import { evolveSessionForgotten } from "./commands/EndSession.js"
import { evolveLeaseExtended } from "./commands/Extend.js"
import { evolveFetchEnded, evolveFetchWaits } from "./commands/Fetch.js"
import { evolvePublished } from "./commands/Publish.js"
import { evolvePurged } from "./commands/Purge.js"
import { evolveEnded } from "./commands/Settle.js"
import { evolveLeasesShifted } from "./commands/Tick.js"
import type { DurableEvent, Event } from "./Event.js"
import type { QueueState } from "./QueueState.js"

/** Whether the event is journaled and replayed; the others live in memory only. */
export const isDurable = (event: Event): event is DurableEvent => {
  switch (event._tag) {
    case "Created":
    case "Deleted":
    case "Ended":
    case "FramePublished":
    case "MessagesPurged":
    case "Opened":
    case "Redelivered":
    case "Touched":
      return true
    default:
      return false
  }
}

/** Changes `state` as the event says. Live, durable and volatile events; in replay, durable ones. */
export const evolve = (state: QueueState, event: Event): void => {
  if (isDurable(event)) {
    state.dirty = true
    evolveDurable(state, event)
    return
  }
  switch (event._tag) {
    case "Leased":
      return evolveLeased(state, event)
    case "FetchWaits":
      return evolveFetchWaits(state, event)
    case "FetchEnded":
      return evolveFetchEnded(state, event)
    case "LeaseExtended":
      return evolveLeaseExtended(state, event)
    case "LeasesShifted":
      return evolveLeasesShifted(state, event)
    case "SessionForgotten":
      return evolveSessionForgotten(state, event)
  }
}

const evolveDurable = (state: QueueState, event: DurableEvent): void => {
  if (event._tag === "Created") return evolveCreated(state, event)
  invariant(state.life === "present", "something happened to a queue that is not there")
  switch (event._tag) {
    case "FramePublished":
      return evolvePublished(state, event)
    case "Ended":
      return evolveEnded(state, event)
    case "Touched":
      return evolveTouched(state, event)
    case "Redelivered":
      return evolveRedelivered(state, event)
    case "MessagesPurged":
      return evolvePurged(state, event)
    case "Opened":
      return evolveOpened(state, event)
    case "Deleted":
      return evolveDeleted(state)
  }
}
