/** What the bench and a client process of it say to each other. */
import type { StreamAudit, StreamSamples, StreamSpec } from "./StreamSpec.js"

/** The calls: arguments and answer of each. */
export interface AgentCalls {
  /** Connects to the fabric. */
  readonly connect: (address: string, clientName: string) => void
  /** Publishes messages that nobody consumes. */
  readonly fill: (queue: string, messages: number, size: number) => void
  /** Begins to consume. */
  readonly open: (specs: readonly StreamSpec[]) => void
  /** Begins to publish; without names, all streams. */
  readonly start: (names?: readonly string[]) => void
  /** What was seen since the last time. */
  readonly take: () => readonly StreamSamples[]
  /** Ends the publishing and waits for confirms; without names, of all streams. */
  readonly stop: (names?: readonly string[]) => void
  readonly audit: () => readonly StreamAudit[]
  readonly close: () => void
}

export type AgentCall = keyof AgentCalls

export interface AgentRequest {
  readonly id: number
  readonly call: AgentCall
  readonly args: readonly unknown[]
}

export type AgentAnswer =
  | { readonly id: number; readonly error: string }
  | { readonly id: number; readonly value: unknown }
