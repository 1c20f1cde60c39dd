/**
 * Owns: longer (or shorter) leases for messages that the session still holds, under the epoch of
 * their tags: leases that came along in a planned move keep theirs. Volatile.
 */
import { invariant, limits, type Now, type Sequence, skeinError } from "@skein/model"
import type { Extend } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { LeaseExtended } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { countRanges, pushRange, rangesProblem, tooMuchNamed } from "../state/ranges.js"
import { refuse } from "./decisions.js"

export const decideExtend = (state: QueueState, command: Extend, now: Now): Decision => {
  const { ranges } = command
  const leaseMs = command.leaseMs ?? state.policy.leaseMs
  const problem = rangesProblem(ranges)
  if (problem !== undefined) return refuse(skeinError("ProtocolError", problem))
  const tooMuch = tooMuchNamed(ranges.length / 2, countRanges(ranges))
  if (tooMuch !== undefined) return refuse(tooMuch)
  if (!(leaseMs >= 1 && leaseMs <= limits.leaseMaxMs)) {
    return refuse(
      skeinError("LimitExceeded", `a lease of ${leaseMs} ms is asked for`, {
        leaseMaxMs: limits.leaseMaxMs,
      }),
    )
  }
  const session = state.sessions.byId.get(command.session)
  const held: Sequence[] = []
  const lost: Sequence[] = []
  for (let at = 0; at < ranges.length; at += 2) {
    let next = ranges[at]
    if (session !== undefined) {
      const parts = state.leases.heldBy(session, command.epoch, ranges[at], ranges[at + 1])
      for (let part = 0; part < parts.length; part += 2) {
        if (parts[part] > next) pushRange(lost, next, parts[part] - 1)
        pushRange(held, parts[part], parts[part + 1])
        next = parts[part + 1] + 1
      }
    }
    if (next <= ranges[at + 1]) pushRange(lost, next, ranges[at + 1])
  }
  const event: LeaseExtended = {
    _tag: "LeaseExtended",
    session: command.session,
    epoch: command.epoch,
    untilMs: now.monotonicMs + leaseMs,
    ranges: held,
  }
  return {
    events: held.length === 0 ? [] : [event],
    reply: { _tag: "Extended", lost },
    deliveries: [],
  }
}

export const evolveLeaseExtended = (state: QueueState, event: LeaseExtended): void => {
  const session = state.sessions.byId.get(event.session)
  invariant(session !== undefined, "a lease of an unknown session is extended")
  state.leases.extend(session, event.epoch, event.ranges, event.untilMs)
}
