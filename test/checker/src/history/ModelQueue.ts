/**
 * A naive queue that keeps every promise, for random histories. Written from the contract in
 * words, not from the product: messages in an array, one plain object each.
 *
 * Its crash forgets leases and whatever was not durable, and flags every unsettled message of
 * a block that was touched, as the fabric does.
 */
import type { Tag } from "../LogRecord.js"

export interface ModelMessage {
  readonly id: string
  readonly body: string
  readonly dedupId: string | undefined
  readonly sequence: number
  state: "ready" | "leased" | "gone"
  redelivered: boolean
  failed: number
  returned: number
  lease: { readonly tag: Tag; readonly consumer: string } | undefined
  newest: Tag | undefined
  settledBy: Tag | undefined
}

export interface ModelDelivery {
  readonly queue: ModelQueue
  readonly id: string
  readonly body: string
  readonly tag: Tag
  readonly redelivered: boolean
  readonly failed: number
  readonly returned: number
}

/** Messages in a block: a crash flags by the block. */
const blockMessages = 4

export class ModelQueue {
  messages: Array<ModelMessage> = []
  epoch = 1
  #attempts = 0
  #durable = 0
  readonly #dedupIds = new Set<string>()
  readonly #touched = new Set<number>()

  constructor(
    readonly name: string,
    readonly generation: string,
  ) {}

  /** Stores a message and says at which sequence; undefined if its dedup id repeats. */
  store(id: string, body: string, dedupId: string | undefined): number | undefined {
    if (dedupId !== undefined) {
      if (this.#dedupIds.has(dedupId)) return undefined
      this.#dedupIds.add(dedupId)
    }
    const sequence = this.messages.length
    this.messages.push({
      id,
      body,
      dedupId,
      sequence,
      state: "ready",
      redelivered: false,
      failed: 0,
      returned: 0,
      lease: undefined,
      newest: undefined,
      settledBy: undefined,
    })
    return sequence
  }

  /** All that is stored by now outlives a crash; only then may it be confirmed or delivered. */
  sync(): void {
    this.#durable = this.messages.length
  }

  fetch(consumer: string, credit: number): ReadonlyArray<ModelDelivery> {
    const found: Array<ModelDelivery> = []
    for (const message of this.messages.slice(0, this.#durable)) {
      if (found.length === credit) break
      if (message.state !== "ready") continue
      const tag: Tag = [this.generation, message.sequence, this.epoch, ++this.#attempts]
      message.state = "leased"
      message.lease = { tag, consumer }
      message.newest = tag
      this.#touched.add(Math.floor(message.sequence / blockMessages))
      const { id, body, redelivered, failed, returned } = message
      found.push({ queue: this, id, body, tag, redelivered, failed, returned })
    }
    return found
  }

  /** True if the settle is accepted. */
  settle(tag: Tag, kind: "ack" | "return" | "reject"): boolean {
    const message = this.messages[tag[1]]
    if (message.state === "gone") return message.settledBy === tag
    if (message.lease !== undefined && message.lease.tag !== tag) return false
    if (kind === "return") {
      if (message.lease === undefined) return false
      this.#giveBack(message)
      message.returned++
      return true
    }
    message.state = "gone"
    message.lease = undefined
    message.settledBy = tag
    return true
  }

  /** A lease ran out, or a session ended. */
  fail(message: ModelMessage): void {
    this.#giveBack(message)
    message.failed++
  }

  failAllOf(consumer: string): void {
    for (const message of this.leased()) {
      if (message.lease?.consumer === consumer) this.fail(message)
    }
  }

  leased(): ReadonlyArray<ModelMessage> {
    return this.messages.filter((message) => message.state === "leased")
  }

  /** Forgets leases and unsynced messages; ids and dedup ids of the forgotten are returned. */
  crash(): ReadonlySet<string> {
    const forgotten = new Set<string>()
    for (const { id, dedupId } of this.messages.slice(this.#durable)) {
      forgotten.add(id)
      if (dedupId === undefined) continue
      forgotten.add(dedupId)
      this.#dedupIds.delete(dedupId)
    }
    this.messages = this.messages.slice(0, this.#durable)
    this.epoch++
    for (const message of this.messages) {
      if (message.state === "gone") continue
      message.state = "ready"
      message.lease = undefined
      const block = Math.floor(message.sequence / blockMessages)
      if (this.#touched.has(block)) message.redelivered = true
    }
    return forgotten
  }

  depth(): number {
    return this.messages.filter((message) => message.state !== "gone").length
  }

  #giveBack(message: ModelMessage): void {
    message.state = "ready"
    message.lease = undefined
    message.redelivered = true
  }
}
