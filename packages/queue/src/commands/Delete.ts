/** Owns: the end of a queue. Every frame dies; waiting fetches get empty answers. */
import { invariant } from "@skein/model"
import type { Decision, Delivery } from "../Decision.js"
import type { Event } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { Leases } from "../state/Leases.js"
import { Sessions } from "../state/Sessions.js"
import { done } from "./decisions.js"

export const decideDelete = (state: QueueState): Decision => {
  if (state.life !== "present") return done()
  const deliveries: Delivery[] = []
  for (const session of state.sessions.turns) {
    for (const { fetchNumber } of session.waits) {
      deliveries.push({ session: session.id, fetchNumber, runs: [] })
    }
  }
  const event: Event = { _tag: "Deleted" }
  return done([event], deliveries)
}

export const evolveDeleted = (state: QueueState): void => {
  invariant(state.life === "present", "a queue is deleted twice")
  state.life = "deleted"
  state.blocks.clear()
  state.producers.clear()
  state.dedup.clear()
  state.settlers.clear()
  state.sessions = new Sessions()
  state.leases = new Leases(state.blocks)
}
