/**
 * Owns: the first word of an owner that got the queue in a planned move. Nothing is flagged and
 * nothing has failed; what was leased stays leased by the tags that its consumers hold.
 * In replay the leases are left out: whoever replays is the next owner after that one.
 */
import { invariant, limits, type Now } from "@skein/model"
import type { Receive } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { Event, Received, SessionResumed } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { Leases } from "../state/Leases.js"
import { Sessions } from "../state/Sessions.js"
import { done } from "./decisions.js"

export const decideReceive = (state: QueueState, command: Receive, now: Now): Decision => {
  invariant(command.epoch > state.epoch, "a shard is received under an epoch that is not newer")
  invariant(state.handedOver.length > 0, "a queue is received that was not handed over")
  const events: Event[] = [{ _tag: "Received", epoch: command.epoch }]
  for (const { sessions, leases } of state.handedOver) {
    for (const session of sessions) events.push({ _tag: "SessionResumed", session })
    for (const { remainingMs, ...lease } of leases) {
      // Consumers have yet to find the new owner before they can extend.
      const leftMs = Math.max(remainingMs, limits.movedLeaseMinMs)
      events.push({ _tag: "Leased", untilMs: now.monotonicMs + leftMs, ...lease })
    }
  }
  return done(events)
}

export const evolveReceived = (state: QueueState, event: Received): void => {
  invariant(event.epoch > state.epoch, "epochs do not rise")
  state.epoch = event.epoch
  state.handedOver = []
  state.sessions = new Sessions()
  state.leases = new Leases(state.blocks)
  state.leases.epoch = event.epoch
}

export const evolveSessionResumed = (state: QueueState, { session }: SessionResumed): void =>
  state.sessions.of(session.session).restore(session.answeredMax, session.answeredBits)
