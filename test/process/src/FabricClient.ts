/**
 * What the publisher and consumer processes need of a fabric. One adapter module per fabric
 * exports `connect`; it alone may know the product.
 */
import { pathToFileURL } from "node:url"
import type { SettleKind, Tag } from "@skein/test-checker"

/** `ok`: done and durable. `fail`: certainly not done. `info`: nobody knows. */
export interface Outcome {
  readonly phase: "ok" | "fail" | "info"
  /** Why, if not ok. */
  readonly reason?: string
}

export interface FabricDelivery {
  readonly body: Uint8Array
  readonly redelivered: boolean
  readonly failed: number
  readonly returned: number
  readonly tag: Tag
  /** `process.hrtime.bigint()` at which it was asked for, if earlier than the call of `fetch`. */
  readonly askedAtNs?: bigint
}

/** Every call outlives lost connections and restarts of the node, within the client's limits. */
export interface FabricClient {
  /** Name of the producer under which this client publishes. */
  readonly producer: string
  /** `leaseMs`: how long a delivery may take; the adapter's own choice unless given. */
  declare(queue: string, leaseMs?: number): Promise<void>
  /** Calls are stored in the order in which they are made, without awaiting each other. */
  publishBatch(queue: string, bodies: ReadonlyArray<Uint8Array>): Promise<Outcome>
  /** Waits up to `waitMs` for messages; empty if there are none. */
  fetch(
    queue: string,
    options: { readonly credit: number; readonly waitMs: number },
  ): Promise<ReadonlyArray<FabricDelivery>>
  /** One outcome per tag. */
  settle(queue: string, kind: SettleKind, tags: ReadonlyArray<Tag>): Promise<ReadonlyArray<Outcome>>
  /** Messages in the queue, ready and leased. */
  depth(queue: string): Promise<number>
  close(): Promise<void>
}

export interface FabricAdapter {
  readonly connect: (options: {
    readonly address: string
    /** Name of the process, for the product's own reports. */
    readonly process: string
  }) => Promise<FabricClient>
}

/** Loads an adapter by the path of its compiled module. */
export const loadAdapter = async (file: string): Promise<FabricAdapter> => {
  const loaded = (await import(pathToFileURL(file).href)) as Partial<FabricAdapter>
  if (typeof loaded.connect !== "function") throw new Error(`${file} exports no connect`)
  return { connect: loaded.connect }
}
