/** Owns: the shapes of decisions that most commands share. */
import type { SkeinError } from "@skein/model"
import type { Decision, Delivery } from "../Decision.js"
import type { Event } from "../Event.js"

/** Nothing happens. */
export const refuse = (error: SkeinError): Decision => ({
  events: [],
  reply: { _tag: "Refused", error },
  deliveries: [],
})

export const done = (
  events: readonly Event[] = [],
  deliveries: readonly Delivery[] = [],
): Decision => ({ events, reply: { _tag: "Done" }, deliveries })
