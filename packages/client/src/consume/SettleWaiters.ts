/** Owns: who waits for settles to be confirmed: one message, or a whole batch. */
import { type Sequence, type SkeinError, skeinError } from "@skein/model"
import { abortedError, type CallOptions, timedOutError } from "../Deadline.js"
import { Deferred, ignore } from "../Deferred.js"
import type { SettleWaiter } from "./SettleBook.js"

/** Ends with LeaseLost when the message was delivered to somebody else meanwhile. */
export class MessageSettle extends Deferred<void> implements SettleWaiter {
  ended = false
  readonly #timeoutMs: number
  #forgetSignal: (() => void) | undefined

  constructor(
    readonly first: Sequence,
    readonly deadlineMs: number,
    timeoutMs: number,
  ) {
    super()
    this.#timeoutMs = timeoutMs
    // Programs that do not await a settle must not die of its failure.
    this.promise.then(undefined, ignore)
  }

  get last(): Sequence {
    return this.first
  }

  watch(signal: AbortSignal): void {
    this.#forgetSignal = onAbort(signal, () => this.failed(abortedError("settle", "unknown")))
  }

  settled(lost: readonly Sequence[]): void {
    if (this.ended) return
    if (lost.length > 0 && rangesHold(lost, this.first)) {
      this.failed(
        skeinError("LeaseLost", `message ${this.first} was delivered again meanwhile`, {
          sequence: this.first,
        }),
      )
      return
    }
    this.#end()
    this.resolve()
  }

  failed(error: SkeinError): void {
    if (this.ended) return
    this.#end()
    this.reject(error)
  }

  expired(): void {
    this.failed(timedOutError("settle", this.#timeoutMs, "unknown"))
  }

  #end(): void {
    this.ended = true
    this.#forgetSignal?.()
  }
}

/** What became of a batch's settles. */
export interface BatchSettled {
  /** Messages that were delivered again meanwhile (LeaseLost); usually none. */
  readonly lost: readonly Sequence[]
}

/** One promise for all ranges of a batch. */
export class BatchSettle extends Deferred<BatchSettled> {
  readonly #lost: Sequence[] = []
  readonly #timeoutMs: number
  readonly #deadlineMs: number
  #open = 1
  #ended = false
  #forgetSignal: (() => void) | undefined

  constructor(deadlineMs: number, timeoutMs: number) {
    super()
    this.#deadlineMs = deadlineMs
    this.#timeoutMs = timeoutMs
    this.promise.then(undefined, ignore)
  }

  watch(signal: AbortSignal): void {
    this.#forgetSignal = onAbort(signal, () => this.#fail(abortedError("settle", "unknown")))
  }

  /** A waiter for one range of the batch. */
  part(first: Sequence, last: Sequence): SettleWaiter {
    this.#open++
    const batch = this
    return {
      first,
      last,
      deadlineMs: this.#deadlineMs,
      get ended() {
        return batch.#ended
      },
      expired: () => this.#fail(timedOutError("settle", this.#timeoutMs, "unknown")),
      settled: (lost) => {
        for (let at = 0; at < lost.length; at += 2) {
          const from = Math.max(first, lost[at])
          const to = Math.min(last, lost[at + 1])
          for (let sequence = from; sequence <= to; sequence++) this.#lost.push(sequence)
        }
        this.#close()
      },
      failed: (error) => this.#fail(error),
    }
  }

  /** All parts were made. */
  complete(): void {
    this.#close()
  }

  #close(): void {
    this.#open--
    if (this.#open > 0 || this.#ended) return
    this.#end()
    this.resolve({ lost: this.#lost })
  }

  #fail(error: SkeinError): void {
    if (this.#ended) return
    this.#end()
    this.reject(error)
  }

  #end(): void {
    this.#ended = true
    this.#forgetSignal?.()
  }
}

/** The options of `ack`, `return`, `fail` and `reject`. */
export type SettleOptions = CallOptions

const onAbort = (signal: AbortSignal, run: () => void): (() => void) => {
  signal.addEventListener("abort", run, { once: true })
  return () => signal.removeEventListener("abort", run)
}

const rangesHold = (ranges: readonly Sequence[], sequence: Sequence): boolean => {
  for (let at = 0; at < ranges.length; at += 2) {
    if (ranges[at] <= sequence && sequence <= ranges[at + 1]) return true
  }
  return false
}
