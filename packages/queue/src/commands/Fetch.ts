/**
 * Owns: asking for messages. Settles that come along are done first; then the fetch waits, and the
 * `Deliver` at the end of the batch answers it: also a repeat, and one that does not want to wait.
 */
import { invariant, limits, type Now, skeinError } from "@skein/model"
import type { CancelFetch, Fetch } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { FetchEnded, FetchWaits } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { done, refuse } from "./decisions.js"
import { decideSettles } from "./Settle.js"

export const decideFetch = (state: QueueState, command: Fetch, now: Now): Decision => {
  const { fetchNumber } = command
  invariant(Number.isSafeInteger(fetchNumber) && fetchNumber >= 1, "fetches count from 1")
  invariant(command.messagesMax >= 1 && command.bytesMax >= 1, "a fetch asks for something")
  const session = state.sessions.byId.get(command.session)
  if (session === undefined && state.sessions.byId.size >= limits.sessionsPerQueueMax) {
    return refuse(
      skeinError("LimitExceeded", "too many sessions fetch from the queue", {
        sessionsPerQueueMax: limits.sessionsPerQueueMax,
      }),
    )
  }
  if (
    session !== undefined &&
    session.waits.length >= limits.fetchesInFlightPerSessionMax &&
    session.waitOf(fetchNumber) === undefined
  ) {
    return refuse(
      skeinError("LimitExceeded", "the session has too many fetches waiting", {
        fetchesInFlightPerSessionMax: limits.fetchesInFlightPerSessionMax,
      }),
    )
  }
  const settled = decideSettles(state, command.settles)
  if (settled.reply._tag === "Refused") return settled
  const waits: FetchWaits = {
    _tag: "FetchWaits",
    session: command.session,
    fetchNumber,
    messagesMax: Math.min(command.messagesMax, limits.fetchMessagesMax),
    bytesMax: Math.min(command.bytesMax, limits.fetchBytesMax),
    untilMs: now.monotonicMs + Math.min(command.waitMs, limits.fetchWaitMaxMs),
  }
  return { ...settled, events: [...settled.events, waits] }
}

export const evolveFetchWaits = (state: QueueState, event: FetchWaits): void =>
  state.sessions.wait(
    event.session,
    event.fetchNumber,
    event.messagesMax,
    event.bytesMax,
    event.untilMs,
  )

export const decideCancelFetch = (state: QueueState, command: CancelFetch): Decision => {
  const session = state.sessions.byId.get(command.session)
  if (session?.waitOf(command.fetchNumber) === undefined) return done()
  return done([{ _tag: "FetchEnded", session: command.session, fetchNumber: command.fetchNumber }])
}

export const evolveFetchEnded = (state: QueueState, event: FetchEnded): void =>
  state.sessions.answer(event.session, event.fetchNumber, false)
