/** Owns: a queue to try commands on, for unit tests: short ways to say the common things. */
import { defaultQueuePolicy, type Outcome, type QueuePolicy } from "@skein/model"
import type { Command, Settle } from "../Command.js"
import { checkInvariants } from "../checkInvariants.js"
import type { Decision, Delivery } from "../Decision.js"
import { decide } from "../decide.js"
import type { Event } from "../Event.js"
import { evolve, isDurable } from "../evolve.js"
import { emptyQueue, type QueueState, relocate } from "../QueueState.js"

export const producerA = "a".repeat(32)
export const producerB = "b".repeat(32)

export class Bench {
  readonly state: QueueState
  now = { journalMs: 1_000_000, monotonicMs: 0 }
  events: Event[] = []
  /** O(messages) after each command: off where there are very many. */
  checked = true
  private readonly frames = new Map<string, number>()

  constructor(policy: Partial<QueuePolicy> = {}) {
    this.state = emptyQueue(7)
    const whole = { ...defaultQueuePolicy, leaseMs: 1_000, ...policy }
    this.run({ _tag: "Create", name: "orders", policy: whole, epoch: 1 })
    this.events = []
  }

  run(command: Command): Decision {
    const decision = decide(this.state, command, this.now)
    for (const event of decision.events) evolve(this.state, event)
    this.events.push(...decision.events)
    if (this.checked) checkInvariants(this.state)
    return decision
  }

  /** A frame of `count` messages of 10 bytes each; frame numbers go up by themselves. */
  publish(count: number, producer: string = producerA, dedup?: Uint8Array): Decision {
    const frameNumber = (this.frames.get(producer) ?? 0) + 1
    const frame = { count, bytes: count * 10, bodyBytesLargest: 10 }
    const decision = this.run({
      _tag: "Publish",
      producer,
      frameNumber,
      frame: dedup === undefined ? frame : { ...frame, dedup },
    })
    if (decision.reply._tag === "Published") {
      this.frames.set(producer, frameNumber)
      relocate(this.state, decision.reply.first, decision.reply.first * 10)
    }
    return decision
  }

  wait(session: string, fetchNumber: number, messagesMax = 100, waitMs = 1_000): Decision {
    return this.run({
      _tag: "Fetch",
      session,
      fetchNumber,
      messagesMax,
      bytesMax: 1_000_000,
      waitMs,
      settles: [],
    })
  }

  deliver(): readonly Delivery[] {
    return this.run({ _tag: "Deliver" }).deliveries
  }

  /** Fetches and delivers at once. */
  fetch(session: string, fetchNumber: number, messagesMax = 100): readonly Delivery[] {
    this.wait(session, fetchNumber, messagesMax, 0)
    return this.deliver()
  }

  settle(
    outcome: Outcome,
    ranges: readonly number[],
    attempt = 0,
    epoch: number = this.state.epoch,
  ): readonly (readonly number[])[] {
    const settles: Settle[] = [{ outcome, epoch, attempt, ranges }]
    const { reply } = this.run({ _tag: "Settle", session: "any", settles })
    if (reply._tag !== "Settled") throw new Error(JSON.stringify(reply))
    return reply.lost
  }

  open(epoch: number): void {
    this.run({ _tag: "Open", epoch })
  }

  /** Tags of the events since the last call. */
  tags(): string[] {
    const tags = this.events.map(({ _tag }) => _tag)
    this.events = []
    return tags
  }

  durableTags(): string[] {
    const tags = this.events.filter(isDurable).map(({ _tag }) => _tag)
    this.events = []
    return tags
  }
}

/** `first-last` of each run. */
export const spans = (delivery: Delivery | undefined): string[] =>
  (delivery?.runs ?? []).map(({ first, last }) => `${first}-${last}`)

/** The tag of the refusal; throws when it is none. */
export const refusal = ({ reply }: Decision): string => {
  if (reply._tag !== "Refused") throw new Error(`not refused: ${JSON.stringify(reply)}`)
  return reply.error._tag
}
