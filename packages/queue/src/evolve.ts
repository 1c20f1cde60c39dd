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
import { evolveHandedOver } from "./commands/HandOver.js"
import { evolvePublished } from "./commands/Publish.js"
import { evolvePurged } from "./commands/Purge.js"
import { evolveReceived, evolveSessionResumed } from "./commands/Receive.js"
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
    case "HandedOver":
    case "MessagesPurged":
    case "Opened":
    case "Received":
    case "Redelivered":
    case "Touched":
      return true
    default:
      return false
  }
}

/**
 * Changes `state` as the event says. Live, durable and volatile events; in replay, durable ones.
 */
export const evolve = (state: QueueState, event: Event): void => {
  if (isDurable(event)) {
    state.dirty = true
    evolveDurable(state, event)
    return
  }
  switch (event._tag) {
    case "Leased":
      evolveLeased(state, event)
      return
    case "FetchWaits":
      evolveFetchWaits(state, event)
      return
    case "FetchEnded":
      evolveFetchEnded(state, event)
      return
    case "LeaseExtended":
      evolveLeaseExtended(state, event)
      return
    case "LeasesShifted":
      evolveLeasesShifted(state, event)
      return
    case "SessionForgotten":
      evolveSessionForgotten(state, event)
      return
    case "SessionResumed":
      evolveSessionResumed(state, event)
      return
  }
}

const evolveDurable = (state: QueueState, event: DurableEvent): void => {
  if (event._tag === "Created") {
    evolveCreated(state, event)
    return
  }
  invariant(state.life === "present", "something happened to a queue that is not there")
  if (event._tag === "HandedOver") {
    evolveHandedOver(state, event)
    return
  }
  if (event._tag === "Received") {
    evolveReceived(state, event)
    return
  }
  if (state.handedOver.length > 0) state.handedOver = []
  switch (event._tag) {
    case "FramePublished":
      evolvePublished(state, event)
      return
    case "Ended":
      evolveEnded(state, event)
      return
    case "Touched":
      evolveTouched(state, event)
      return
    case "Redelivered":
      evolveRedelivered(state, event)
      return
    case "MessagesPurged":
      evolvePurged(state, event)
      return
    case "Opened":
      evolveOpened(state, event)
      return
    case "Deleted":
      evolveDeleted(state)
      return
  }
}
