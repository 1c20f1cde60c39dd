/** What the harness and its client processes say to each other over IPC. */
import type { LogSource } from "./LogLines.js"

/** Given to a client process as its only argument, in JSON. */
export interface ClientSettings {
  readonly process: string
  readonly address: string
  /** Compiled module of the `FabricAdapter`. */
  readonly adapter: string
  readonly logDirectory: string
  /** `process.hrtime.bigint()` of the run's beginning, in decimal. */
  readonly epochNs: string
  readonly seed: string
  readonly sources: ReadonlyArray<LogSource>
  readonly batchMessages: number
  /** Publishes kept in flight. */
  readonly windowMessages: number
  /** Of deliveries that a consumer rejects instead of acking. Default 0. */
  readonly rejectProbability?: number
}

export type ToClient =
  /** Report `armed` once so many publishes were confirmed and so many are in flight. */
  | { readonly type: "arm"; readonly afterConfirmed: number; readonly inFlightMin: number }
  | { readonly type: "inFlightAt"; readonly atNs: number }
  /** End in good order. */
  | { readonly type: "stop" }

export type FromClient =
  | { readonly type: "ready" }
  | { readonly type: "armed"; readonly inFlight: number }
  | { readonly type: "wasInFlight"; readonly count: number }
  /** A fetch came back empty. */
  | { readonly type: "idle" }
  | { readonly type: "done" }
