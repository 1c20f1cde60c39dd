/**
 * Owns: the last word of an owner in a planned move: its open leases and its sessions, for the next
 * owner to go on with, and the digest by which that one knows that it has read all.
 */
import { limits, type Now } from "@skein/model"
import type { HandOver } from "../Command.js"
import type { Decision } from "../Decision.js"
import { digest } from "../digest.js"
import type { HandedOver, LeaseHanded, SessionHanded } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { sortedRanges } from "../state/ranges.js"
import { done } from "./decisions.js"

/** Ends of ranges that one event names, sessions counted as well. */
const partMax = 16_384

export const decideHandOver = (state: QueueState, command: HandOver, now: Now): Decision => {
  const own = digest(state)
  const events: HandedOver[] = []
  let sessions: SessionHanded[] = []
  let leases: LeaseHanded[] = []
  let size = 0
  const close = (): void => {
    events.push({ _tag: "HandedOver", part: events.length, digest: own, sessions, leases })
    sessions = []
    leases = []
    size = 0
  }
  const atMs = now.monotonicMs - command.pausedMs
  for (const session of state.sessions.byId.values()) {
    const { leaseMs, remainingMs } = command.sessionLease(session.id) ?? noLease
    sessions.push({
      session: session.id,
      ...session.window,
      leaseMs: Math.round(leaseMs),
      remainingMs: whole(Math.min(remainingMs + command.pausedMs, limits.leaseMaxMs)),
    })
    size += 8
    for (const lease of session.leases) {
      if (size >= partMax) close()
      const ranges = sortedRanges(state.leases.heldOf(lease))
      const remainingMs = whole(lease.untilMs - atMs)
      const { fetchNumber, epoch } = lease
      leases.push({ session: session.id, fetchNumber, epoch, remainingMs, ranges })
      size += 8 + ranges.length
    }
  }
  close()
  return done(events)
}

const whole = (ms: number): number => Math.max(0, Math.round(ms))

const noLease = { leaseMs: 0, remainingMs: 0 }

export const evolveHandedOver = (state: QueueState, event: HandedOver): void => {
  state.handedOver = event.part === 0 ? [event] : [...state.handedOver, event]
}

/** Whether the last events hand this very state over. */
export const isHandedOver = (state: QueueState): boolean =>
  state.handedOver.length > 0 && state.handedOver[0].digest === digest(state)
