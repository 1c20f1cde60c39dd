/**
 * Owns: the timeout and the AbortSignal of a control call (one per call, never one per message:
 * publishes and settles have a sweep of their own).
 */
import { type Clock, skeinError } from "@skein/model"
import { clientLimits } from "./clientLimits.js"
import { Deferred } from "./Deferred.js"

/** What every call takes. */
export interface CallOptions {
  /** Ends the call with Aborted. */
  readonly signal?: AbortSignal
  /** Milliseconds until the call ends with TimedOut. Default 30,000; at most 24 hours. */
  readonly timeoutMs?: number
}

export const timeoutOf = (options: CallOptions | undefined): number => {
  const timeoutMs = options?.timeoutMs ?? clientLimits.callTimeoutDefaultMs
  if (!(timeoutMs > 0 && timeoutMs <= clientLimits.callTimeoutMaxMs)) {
    throw skeinError(
      "ConfigInvalid",
      `timeoutMs must lie above 0 and at most at ${clientLimits.callTimeoutMaxMs}`,
    )
  }
  return timeoutMs
}

export const abortedError = (what: string, outcome: "not sent" | "unknown") =>
  skeinError("Aborted", `${what}: the signal was aborted (${outcome})`, { outcome })

export const timedOutError = (
  what: string,
  timeoutMs: number,
  outcome: "not sent" | "unknown",
  why = "",
  cause?: unknown,
) =>
  skeinError(
    "TimedOut",
    `${what}: no answer within ${timeoutMs} ms (${outcome})${why}`,
    { timeoutMs, outcome },
    cause === undefined ? {} : { cause },
  )

/** Whether anybody still waits for a call: what works for it must not outlive it. */
export class CallLife {
  isOver = false
  readonly #onEnd = new Set<() => void>()

  /** Calls `run` when the call is over; the answer forgets it. */
  onEnd(run: () => void): () => void {
    this.#onEnd.add(run)
    return () => this.#onEnd.delete(run)
  }

  end(): void {
    this.isOver = true
    for (const run of this.#onEnd) run()
    this.#onEnd.clear()
  }
}

/** What is known of a call that ends without an answer. */
export interface Late {
  readonly outcome: "not sent" | "unknown"
  readonly cause?: () => unknown
}

/** Ends with `run`'s end, with TimedOut or with Aborted, whichever is first. */
export const withDeadline = async <A>(
  clock: Clock,
  what: string,
  options: CallOptions | undefined,
  run: (life: CallLife) => Promise<A>,
  why: () => string = () => "",
  late: Late = { outcome: "unknown" },
): Promise<A> => {
  const timeoutMs = timeoutOf(options)
  const signal = options?.signal
  if (signal?.aborted === true) throw abortedError(what, "not sent")
  const life = new CallLife()
  const ended = new Deferred<A>()
  const onAbort = (): void => ended.reject(abortedError(what, late.outcome))
  signal?.addEventListener("abort", onAbort, { once: true })
  const cancelTimer = clock.setTimer(timeoutMs, () =>
    ended.reject(timedOutError(what, timeoutMs, late.outcome, why(), late.cause?.())),
  )
  run(life).then(ended.resolve, ended.reject)
  try {
    return await ended.promise
  } finally {
    life.end()
    cancelTimer()
    signal?.removeEventListener("abort", onAbort)
  }
}
