/**
 * Owns: a delivered message and a delivered batch as the program sees them. A message decodes its
 * value when it is asked for, so a body that does not decode harms nobody but who looks at it.
 */
import { type Epoch, type Outcome, type Sequence, skeinError } from "@skein/model"
import { unpackBody } from "../codec/BodyCodec.js"
import type { QueueDefinition } from "../QueueDefinition.js"
import type { HeldRun } from "./HeldRun.js"
import type { BatchSettled, SettleOptions } from "./SettleWaiters.js"

/** What messages need of their consumer. */
export interface Settler {
  readonly settleOne: (
    run: HeldRun,
    index: number,
    outcome: Outcome,
    options: SettleOptions | undefined,
  ) => Promise<void>
  readonly settleAll: (
    runs: readonly HeldRun[],
    outcome: Outcome,
    options: SettleOptions | undefined,
  ) => Promise<BatchSettled>
}

/**
 * One delivery of a message. It is leased to this client until it is settled by `ack`, `return`,
 * `fail` or `reject`; their promises resolve when the settle is durable, and reject with LeaseLost
 * when the message was delivered to somebody else meanwhile, else with TimedOut, Aborted,
 * FabricClosed or QueueNotFound. Settling twice gives LeaseLost at once.
 */
export class Message<A> {
  readonly #settler: Settler
  readonly #definition: QueueDefinition<A>
  readonly #run: HeldRun
  readonly #index: number

  constructor(settler: Settler, definition: QueueDefinition<A>, run: HeldRun, index: number) {
    this.#settler = settler
    this.#definition = definition
    this.#run = run
    this.#index = index
  }

  /** Position in its queue, from 1. */
  get sequence(): Sequence {
    return this.#run.sequence(this.#index)
  }

  /** The decoded value. Throws BodyUndecodable, naming the place that does not fit. */
  get value(): A {
    return this.#definition.decode(this.body)
  }

  /** The body as the publisher packed it: one msgpack value. A view: copy it to keep it. */
  get body(): Uint8Array {
    const { bytes, bodyAt } = this.#run.parts
    return bytes.subarray(bodyAt[this.#index], bodyAt[this.#index + 1])
  }

  /** The key it was published with, if any. */
  get key(): string | undefined {
    const { bytes, keyAt } = this.#run.parts
    if (keyAt === undefined || keyAt[this.#index] === keyAt[this.#index + 1]) return undefined
    return text.decode(bytes.subarray(keyAt[this.#index], keyAt[this.#index + 1]))
  }

  /** The headers it was published with; empty when there were none. Throws BodyUndecodable. */
  get headers(): Readonly<Record<string, unknown>> {
    const { bytes, headersAt } = this.#run.parts
    if (headersAt === undefined || headersAt[this.#index] === headersAt[this.#index + 1]) return {}
    return headersOf(bytes.subarray(headersAt[this.#index], headersAt[this.#index + 1]))
  }

  /** Which owner of the queue's shard delivered it: rises when the shard is opened again. */
  get epoch(): Epoch {
    return this.#run.run.epoch
  }

  /** How many deliveries of it had ended before this one, by whatever cause. */
  get attempt(): number {
    return this.#run.run.attempt
  }

  /** It may have been delivered before. */
  get redelivered(): boolean {
    return this.#run.run.redelivered
  }

  /** How many deliveries of it failed before this one. */
  get failed(): number {
    return this.#run.run.failed
  }

  /** How many deliveries of it were returned before this one. */
  get returned(): number {
    return this.#run.run.returned
  }

  /** It is neither settled nor known to be lost. */
  get isHeld(): boolean {
    return this.#run.isHeld(this.#index)
  }

  /** Its lease is known to be gone: it is or will be delivered again. */
  get isLost(): boolean {
    return this.#run.isLost(this.#index)
  }

  /** Processed: the message is gone. */
  ack(options?: SettleOptions): Promise<void> {
    return this.#settler.settleOne(this.#run, this.#index, "ack", options)
  }

  /** Not wanted now: back to its place, counted as returned. */
  return(options?: SettleOptions): Promise<void> {
    return this.#settler.settleOne(this.#run, this.#index, "return", options)
  }

  /** Processing failed: back to its place, counted as failed. */
  fail(options?: SettleOptions): Promise<void> {
    return this.#settler.settleOne(this.#run, this.#index, "fail", options)
  }

  /** Never again: deleted and counted. */
  reject(options?: SettleOptions): Promise<void> {
    return this.#settler.settleOne(this.#run, this.#index, "reject", options)
  }
}

/** What one fetch brought, in the order of the queue. Settle it whole, or message by message. */
export class Batch<A> {
  readonly #settler: Settler
  readonly #definition: QueueDefinition<A>
  readonly #runs: readonly HeldRun[]
  #messages: readonly Message<A>[] | undefined

  constructor(settler: Settler, definition: QueueDefinition<A>, runs: readonly HeldRun[]) {
    this.#settler = settler
    this.#definition = definition
    this.#runs = runs
  }

  /** How many messages it brought and that are still to be settled. */
  get size(): number {
    let size = 0
    for (const run of this.#runs) size += run.held
    return size
  }

  /** Its messages; made at the first look. */
  get messages(): readonly Message<A>[] {
    this.#messages ??= this.#list()
    return this.#messages
  }

  /** The raw bodies in order, without an object per message. Views: copy what you keep. */
  bodies(): Uint8Array[] {
    const bodies: Uint8Array[] = []
    for (const run of this.#runs) {
      const { bytes, bodyAt } = run.parts
      for (let index = 0; index < run.count; index++) {
        if (run.isHeld(index)) bodies.push(bytes.subarray(bodyAt[index], bodyAt[index + 1]))
      }
    }
    return bodies
  }

  /** Settles all that is not settled yet; resolves when durable, with what was lost meanwhile. */
  ack(options?: SettleOptions): Promise<BatchSettled> {
    return this.#settler.settleAll(this.#runs, "ack", options)
  }

  return(options?: SettleOptions): Promise<BatchSettled> {
    return this.#settler.settleAll(this.#runs, "return", options)
  }

  fail(options?: SettleOptions): Promise<BatchSettled> {
    return this.#settler.settleAll(this.#runs, "fail", options)
  }

  reject(options?: SettleOptions): Promise<BatchSettled> {
    return this.#settler.settleAll(this.#runs, "reject", options)
  }

  #list(): Message<A>[] {
    const messages: Message<A>[] = []
    for (const run of this.#runs) {
      for (let index = 0; index < run.count; index++) {
        if (!run.isHeld(index)) continue
        messages.push(new Message(this.#settler, this.#definition, run, index))
      }
    }
    return messages
  }
}

const text = new TextDecoder()

const headersOf = (bytes: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    const value = unpackBody(bytes)
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch (cause) {
    throw skeinError("BodyUndecodable", "the headers are no msgpack map", {}, { cause })
  }
  throw skeinError("BodyUndecodable", "the headers are no msgpack map")
}
