/**
 * Owns: the calls of one connection that wait for an answer: their correlations, timeouts and
 * aborts.
 * Must not know: the socket, what an answer's bytes mean.
 *
 * A call that timed out or was aborted keeps its correlation until its answer has come, and the
 * late answer is dropped: a correlation that is still in use must not be used again.
 */
import { type Clock, limits, type SkeinError, skeinError } from "@skein/model"
import { kindName } from "@skein/wire"

export interface CallOptions {
  /** Milliseconds until the call rejects with TimedOut; its outcome is unknown then. */
  readonly timeoutMs?: number
  /** Ends the call with Aborted; its outcome is unknown then. */
  readonly signal?: AbortSignal
}

/** What a call makes of an answer: `true` when it was the last, or the reason why it is none. */
export type TakeAnswer = (kind: number, payload: Uint8Array) => SkeinError | boolean

interface Call {
  readonly take: TakeAnswer
  readonly fail: (error: SkeinError) => void
  /** Frees timer and signal; called once. */
  readonly end: () => void
  abandoned: boolean
}

export interface NewCall {
  readonly name: string
  readonly take: TakeAnswer
  readonly fail: (error: SkeinError) => void
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** The caller no longer waits; a fetch tells the node. */
  readonly onAbandon?: (correlation: number) => void
}

export class Calls {
  readonly #clock: Clock
  readonly #calls = new Map<number, Call>()
  #next = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The call's correlation, or why it cannot begin (it has failed then). */
  begin(call: NewCall): SkeinError | number {
    if (call.signal?.aborted === true) return aborted(call.name)
    const max = limits.requestsInFlightPerConnectionMax
    if (this.#calls.size >= max) {
      const data = { limit: "requestsInFlightPerConnectionMax", max }
      return skeinError("LimitExceeded", `${max} calls of the connection wait already`, data)
    }
    const correlation = this.#correlation()
    const abandon = (error: SkeinError): void => {
      const entry = this.#calls.get(correlation)
      if (entry === undefined || entry.abandoned) return
      entry.abandoned = true
      entry.end()
      call.onAbandon?.(correlation)
      call.fail(error)
    }
    const { name, signal, timeoutMs } = call
    const cancelTimer = this.#clock.setTimer(timeoutMs, () =>
      abandon(skeinError("TimedOut", `no answer to ${name} within ${timeoutMs} ms`, { timeoutMs })),
    )
    const onAbort = (): void => abandon(aborted(name))
    signal?.addEventListener("abort", onAbort, { once: true })
    const end = (): void => {
      cancelTimer()
      signal?.removeEventListener("abort", onAbort)
    }
    this.#calls.set(correlation, { take: call.take, fail: call.fail, end, abandoned: false })
    return correlation
  }

  /** Hands an answer to its call. An error means that the node does not keep to the protocol. */
  answer(kind: number, correlation: number, payload: Uint8Array): SkeinError | undefined {
    const call = this.#calls.get(correlation)
    if (call === undefined) {
      return skeinError("ProtocolError", `${kindName(kind)} answers no call (${correlation})`)
    }
    const last = call.take(kind, payload)
    if (typeof last !== "boolean") return last
    if (last) {
      this.#calls.delete(correlation)
      if (!call.abandoned) call.end()
    }
    return undefined
  }

  failAll(error: SkeinError): void {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    for (const call of calls) {
      if (call.abandoned) continue
      call.end()
      call.fail(error)
    }
  }

  #correlation(): number {
    do {
      this.#next = this.#next === 0xffff_ffff ? 1 : this.#next + 1
    } while (this.#calls.has(this.#next))
    return this.#next
  }
}

const aborted = (name: string): SkeinError => skeinError("Aborted", `${name} was aborted`)
