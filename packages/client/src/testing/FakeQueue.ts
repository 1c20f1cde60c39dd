/**
 * Owns: what one queue of the fake fabric does: the producer contract, leases, settles, as
 * DESIGN.md section 6 puts them, in the plainest way. An oracle: it shares no code with
 * packages/queue.
 */
import { isSkeinError, type SkeinError, skeinError } from "@skein/model"
import {
  type DeliveredRun,
  encodeFrame,
  type PublishAnswer,
  type PublishRequest,
  type QueueInfo,
  readMessages,
  type Settle,
  viewFrame,
} from "@skein/wire"

export interface FakeMessage {
  readonly sequence: number
  readonly frame: number
  readonly body: Uint8Array
  readonly key: Uint8Array | undefined
  readonly headers: Uint8Array | undefined
  state: "gone" | "leased" | "ready"
  session: string
  leaseUntilMs: number
  failed: number
  returned: number
  redelivered: boolean
  /** The last lease's tag and the last settle that was accepted. */
  epoch: number
  attempt: number
  ended: Pick<Settle, "attempt" | "epoch" | "outcome"> | undefined
}

interface Producer {
  next: number
  readonly results: Map<number, PublishAnswer>
}

export class FakeQueue {
  readonly messages: FakeMessage[] = []
  readonly dedup = new Set<string>()
  readonly acked: number[] = []
  deleted = false
  /** While set, new frames are refused with it. */
  refusal: SkeinError | undefined
  #frames = 0
  #firstReady = 0
  readonly #producers = new Map<string, Producer>()

  constructor(
    readonly info: QueueInfo,
    readonly epoch: () => number,
  ) {}

  publish(request: PublishRequest): PublishAnswer | SkeinError {
    const { frameNumber, producer: id } = request
    const producer = this.#producers.get(id) ?? { next: 1, results: new Map() }
    const stored = producer.results.get(frameNumber)
    if (stored !== undefined) return stored
    if (frameNumber < producer.next || (producer.next === 1 && frameNumber > 1)) {
      return skeinError("ProducerUnknown", "no such producer or frame")
    }
    if (frameNumber > producer.next) {
      return skeinError("SequenceGap", "a gap", { expected: producer.next })
    }
    if (this.refusal !== undefined) return this.refusal
    const answer = this.#store(request.frame)
    if ("code" in answer) return answer
    producer.next++
    producer.results.set(frameNumber, answer)
    producer.results.delete(frameNumber - 16)
    this.#producers.set(id, producer)
    return answer
  }

  forgetProducers(): void {
    this.#producers.clear()
  }

  #store(frame: Uint8Array): PublishAnswer | SkeinError {
    const view = viewFrame(frame.slice())
    if (isSkeinError(view)) return view
    if (view.bodyBytesLargest > this.info.policy.bodyBytesMax) {
      return skeinError("BodyTooLarge", "a body is too large")
    }
    const first = this.messages.length + 1
    const duplicates = new Uint8Array(Math.ceil(view.count / 8))
    let any = false
    this.#frames++
    readMessages(view).forEach(({ body, key, headers, dedup }, i) => {
      const repeated = dedup !== undefined && this.#isRepeat(dedup)
      if (repeated) {
        duplicates[i >> 3] |= 1 << (i & 7)
        any = true
      }
      this.messages.push({
        sequence: first + i,
        frame: this.#frames,
        body,
        key,
        headers,
        state: repeated ? "gone" : "ready",
        session: "",
        leaseUntilMs: 0,
        failed: 0,
        returned: 0,
        redelivered: false,
        epoch: 0,
        attempt: -1,
        ended: undefined,
      })
    })
    return { first, count: view.count, ...(any ? { duplicates } : {}) }
  }

  #isRepeat(dedup: Uint8Array): boolean {
    const hash = Buffer.from(dedup).toString("hex")
    if (this.dedup.has(hash)) return true
    this.dedup.add(hash)
    return false
  }

  /**
   * Leases up to `messagesMax` of the oldest ready messages; never more than `bytesMax` but one.
   */
  lease(session: string, messagesMax: number, bytesMax: number, untilMs: number): FakeMessage[] {
    const taken: FakeMessage[] = []
    let bytes = 0
    while (this.messages[this.#firstReady]?.state === "gone") this.#firstReady++
    for (let at = this.#firstReady; at < this.messages.length; at++) {
      const message = this.messages[at]
      if (message.state !== "ready") continue
      if (taken.length === messagesMax) break
      if (taken.length > 0 && bytes + message.body.length > bytesMax) break
      bytes += message.body.length
      message.state = "leased"
      message.session = session
      message.leaseUntilMs = untilMs
      message.epoch = this.epoch()
      message.attempt = message.failed + message.returned
      taken.push(message)
    }
    return taken
  }

  /** Messages as runs: one frame, equal counts; a selection where some are missing. */
  runs(messages: readonly FakeMessage[]): DeliveredRun[] {
    const runs: DeliveredRun[] = []
    let from = 0
    for (let at = 1; at <= messages.length; at++) {
      if (at < messages.length && alike(messages[from], messages[at])) continue
      runs.push(this.#run(messages.slice(from, at)))
      from = at
    }
    return messages.length === 0 ? [] : runs
  }

  #run(messages: readonly FakeMessage[]): DeliveredRun {
    const head = messages[0]
    const first = head.sequence
    const last = messages[messages.length - 1].sequence
    const selection = new Uint8Array(Math.ceil((last - first + 1) / 8))
    for (const { sequence } of messages) {
      selection[(sequence - first) >> 3] |= 1 << ((sequence - first) & 7)
    }
    return {
      epoch: head.epoch,
      attempt: head.attempt,
      failed: head.failed,
      returned: head.returned,
      redelivered: head.redelivered,
      first,
      last,
      ...(messages.length < last - first + 1 && { selection }),
      frame: encodeFrame(
        messages.map(({ body, key, headers }) => ({
          body,
          ...(key !== undefined && { key }),
          ...(headers !== undefined && { headers }),
        })),
      ),
    }
  }

  settle(settle: Settle): number[] {
    const lost: number[] = []
    for (let at = 0; at < settle.ranges.length; at += 2) {
      for (let sequence = settle.ranges[at]; sequence <= settle.ranges[at + 1]; sequence++) {
        if (!this.#settleOne(this.messages[sequence - 1], settle)) lost.push(sequence, sequence)
      }
    }
    return lost
  }

  #settleOne(message: FakeMessage, settle: Settle): boolean {
    const { outcome, epoch, attempt } = settle
    const { ended } = message
    if (ended?.attempt === attempt && ended.epoch === epoch) return ended.outcome === outcome
    const isNewer = message.epoch > epoch || message.attempt > attempt
    if (message.state === "gone" || (message.state === "leased" && isNewer)) return false
    message.ended = { outcome, epoch, attempt }
    if (outcome === "ack") this.acked.push(message.sequence)
    if (outcome === "ack" || outcome === "reject") message.state = "gone"
    else this.giveBack(message, outcome === "fail" ? "failed" : "returned")
    return true
  }

  giveBack(message: FakeMessage, count: "failed" | "returned"): void {
    message.state = "ready"
    message.session = ""
    message[count]++
    message.redelivered = true
  }

  isHeld(message: FakeMessage, session: string, epoch: number): boolean {
    return message.state === "leased" && message.session === session && message.epoch === epoch
  }

  /** The owner is gone, and with it the leases. */
  crash(): void {
    for (const one of this.messages) {
      if (one.state !== "leased") continue
      one.state = "ready"
      one.redelivered = true
    }
  }

  held(session: string): FakeMessage[] {
    return this.messages.filter((one) => one.state === "leased" && one.session === session)
  }

  expire(nowMs: number): void {
    for (const one of this.messages) {
      if (one.state === "leased" && one.leaseUntilMs <= nowMs) this.giveBack(one, "failed")
    }
  }
}

const alike = (a: FakeMessage, b: FakeMessage): boolean =>
  a.frame === b.frame &&
  a.epoch === b.epoch &&
  a.attempt === b.attempt &&
  a.failed === b.failed &&
  a.returned === b.returned &&
  a.redelivered === b.redelivered
