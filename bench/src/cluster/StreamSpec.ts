/** What a client process shall publish and consume. */
import type { Audit } from "../load/Ledger.js"
import type { SampleColumns } from "../measure/Samples.js"

export interface StreamSpec {
  readonly name: string
  /** Each call goes to one of them, by `shares`. */
  readonly queues: readonly string[]
  /** Share of the calls of each queue. */
  readonly shares: readonly number[]
  /** Messages per second of all queues together, at an even pace whatever the fabric does. */
  readonly ratePerSecond: number
  /** Messages per call. */
  readonly batch: number
  /** Bytes of a body. */
  readonly size: number
  readonly seed: number
}

/** What a stream saw since it was asked before. */
export interface StreamSamples {
  readonly name: string
  /** From when a call was due to its confirm; one row a call. */
  readonly confirms: SampleColumns
  /** From when a message was due to its arrival; one row for neighbours of one call. */
  readonly arrivals: SampleColumns
}

export interface StreamAudit extends Audit {
  readonly name: string
  /** Messages that were due and not sent because too many were unconfirmed. */
  readonly unsent: number
  /** What reached the author, the first ones in words. */
  readonly errors: number
  readonly errorTexts: readonly string[]
}
