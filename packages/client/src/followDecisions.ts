/**
 * Owns: what the manager does and sees as a stream that goes on: from one manager to the next, also
 * while there is none.
 * Must not know: connections.
 *
 * A manager remembers its newest 1,000 only: whoever reads more slowly misses some, and the numbers
 * show it.
 */
import { type Clock, isSkeinError } from "@skein/model"
import type { DecisionPage, DecisionsRequest, NumberedDecision } from "@skein/wire"

export interface FollowOptions {
  readonly signal?: AbortSignal
  /** How often it is asked for news, milliseconds. Default 500. */
  readonly everyMs?: number
}

const everyMsDefault = 500

/**
 * From the oldest that the manager remembers, each once. Ends when the signal aborts; rejects with
 * what asking rejects with, but for a manager that is not there now.
 */
export async function* followDecisions(
  ask: (request: DecisionsRequest) => Promise<DecisionPage>,
  clock: Pick<Clock, "setTimer">,
  { signal, everyMs = everyMsDefault }: FollowOptions = {},
): AsyncGenerator<NumberedDecision, void, undefined> {
  let request: DecisionsRequest = {}
  while (signal?.aborted !== true) {
    const page = await asked(ask, request, signal)
    if (page !== undefined) {
      request = { log: page.log, after: page.last }
      yield* page.decisions
    }
    await pause(clock, everyMs, signal)
  }
}

/** `undefined`: nobody manages now, or the signal has aborted. */
const asked = async (
  ask: (request: DecisionsRequest) => Promise<DecisionPage>,
  request: DecisionsRequest,
  signal: AbortSignal | undefined,
): Promise<DecisionPage | undefined> => {
  try {
    return await ask(request)
  } catch (cause) {
    if (signal?.aborted === true) return undefined
    if (isSkeinError(cause) && cause._tag === "ManagerUnavailable") return undefined
    throw cause
  }
}

const pause = (
  clock: Pick<Clock, "setTimer">,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const end = (): void => {
      disarm()
      signal?.removeEventListener("abort", end)
      resolve()
    }
    const disarm = clock.setTimer(ms, end)
    signal?.addEventListener("abort", end, { once: true })
  })
