/** Owns: the settings of a worker, their defaults and bounds. */
import { limits, skeinError } from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import type { Message } from "../consume/Message.js"

/**
 * What becomes of a message whose handler failed. `fail`: back to its place after the backoff,
 * counted as failed. `return`: back at once, counted as returned. `reject`: deleted, counted.
 */
export type Disposition = "fail" | "reject" | "return"

/**
 * Or the message is not to blame, and no other would fare better (a database is away): `escalate`
 * returns it and stops the worker in an orderly way; who started the worker hears the error.
 */
export type Verdict = Disposition | "escalate"

/**
 * Works on one message; resolving acks it, throwing fails it. `signal` is aborted when the lease
 * was lost or the worker's grace time is over: stop then, the message goes to somebody else.
 */
export type Handler<A> = (message: Message<A>, signal: AbortSignal) => Promise<void> | void

export interface WorkerOptions<A> {
  /** Handlers at once. Default 16, at most 4,096. */
  readonly concurrency?: number
  /** Each renewal leases for so long, milliseconds. Default: the queue's lease. */
  readonly leaseMs?: number
  /**
   * How long a failed message is kept (leased) before it goes back: doubles with each failure of
   * the message, with jitter. Default `{ minMs: 1_000, maxMs: 60_000 }`.
   */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number }
  /**
   * For messages whose body does not decode (the handler read `message.value`). Default `fail`: it
   * comes again with backoff and is never dropped silently; `reject` deletes it.
   */
  readonly undecodable?: Disposition
  /** Hears every failure; its answer decides. Default, also for no answer: `fail`. */
  readonly onFailure?: (error: unknown, message: Message<A>) => Verdict | undefined
  /** What running handlers get at a stop. Default 30,000 ms. */
  readonly graceMs?: number
  /** Stops the worker as `stop()` does. */
  readonly signal?: AbortSignal
}

export interface WorkerSettings<A> {
  readonly concurrency: number
  readonly leaseMs: number | undefined
  readonly backoff: { readonly minMs: number; readonly maxMs: number }
  readonly undecodable: Disposition
  readonly onFailure: (error: unknown, message: Message<A>) => Verdict | undefined
  readonly graceMs: number
}

/** Throws ConfigInvalid, naming the setting. */
export const workerSettings = <A>(options: WorkerOptions<A>): WorkerSettings<A> => {
  const concurrency = options.concurrency ?? clientLimits.workerConcurrencyDefault
  const backoff = options.backoff ?? {
    minMs: clientLimits.workerBackoffMinDefaultMs,
    maxMs: clientLimits.workerBackoffMaxDefaultMs,
  }
  const graceMs = options.graceMs ?? clientLimits.workerGraceDefaultMs
  check(
    Number.isInteger(concurrency) && within(concurrency, 1, clientLimits.workerConcurrencyMax),
    `concurrency is a whole number from 1 to ${clientLimits.workerConcurrencyMax}`,
  )
  check(
    within(backoff.minMs, 0, backoff.maxMs) && backoff.maxMs <= limits.leaseMaxMs,
    `backoff is { minMs, maxMs } with 0 <= minMs <= maxMs <= ${limits.leaseMaxMs}`,
  )
  check(within(graceMs, 0, clientLimits.callTimeoutMaxMs), "graceMs is 0 or more")
  if (options.leaseMs !== undefined) {
    check(
      within(options.leaseMs, limits.leaseMinMs, limits.leaseMaxMs),
      `leaseMs lies between ${limits.leaseMinMs} and ${limits.leaseMaxMs}`,
    )
  }
  return {
    concurrency,
    backoff,
    graceMs,
    leaseMs: options.leaseMs,
    undecodable: options.undecodable ?? "fail",
    onFailure: options.onFailure ?? (() => undefined),
  }
}

const within = (value: number, low: number, high: number): boolean => value >= low && value <= high

const check = (holds: boolean, detail: string): void => {
  if (!holds) throw skeinError("ConfigInvalid", detail)
}
