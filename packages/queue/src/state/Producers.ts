/**
 * Owns: the publishers that the queue knows, the number of the last frame of each and the results
 * of its last 16, so that a repeat is answered as before. Forgotten after an hour of journal time
 * without a frame. Durable.
 * Must not know: messages.
 */
import { invariant, limits, type ProducerId, type Sequence } from "@skein/model"
import { type Lanes, mixBytes, mixNumber, mixText, seedA, seedB } from "./Lanes.js"
import { SmallMap } from "./SmallMap.js"

export interface FrameResult {
  readonly first: Sequence
  readonly count: number
  readonly duplicates?: Uint8Array
}

export class Producer {
  lastFrame = 0
  lastMs = 0
  /** Results of the last frames, oldest first. */
  results: FrameResult[] = []
  readonly hashA: number
  readonly hashB: number

  constructor(readonly id: ProducerId) {
    this.hashA = mixText(seedA, id)
    this.hashB = mixText(seedB, id)
  }

  /** The result of a frame; `undefined` when it is not one of the last. */
  result(frameNumber: number): FrameResult | undefined {
    const back = this.lastFrame - frameNumber
    if (back < 0 || back >= this.results.length) return undefined
    return this.results[this.results.length - 1 - back]
  }

  /** A lone result gets an array of its size: most producers of a drained queue have no more. */
  remember(result: FrameResult): void {
    if (this.results.length === 0) this.results = [result]
    else this.results.push(result)
  }

  forgottenAt(journalMs: number): boolean {
    return this.lastMs + limits.producerForgottenAfterMs <= journalMs
  }

  /** Adds (1) or takes out (-1) the fact of what is known of it, without its results. */
  tell(lanes: Lanes, weight: number): void {
    const a = mixNumber(mixNumber(this.hashA, this.lastFrame), this.lastMs)
    const b = mixNumber(mixNumber(this.hashB, this.lastFrame), this.lastMs)
    lanes.point(a, b, weight)
  }

  tellResult(lanes: Lanes, frameNumber: number, result: FrameResult, weight: number): void {
    let a = mixNumber(mixNumber(~this.hashA, frameNumber), result.first)
    let b = mixNumber(mixNumber(~this.hashB, frameNumber), result.first)
    a = mixNumber(a, result.count)
    b = mixNumber(b, result.count)
    if (result.duplicates !== undefined) {
      a = mixBytes(a, result.duplicates)
      b = mixBytes(b, result.duplicates)
    }
    lanes.point(a, b, weight)
  }
}

/** Producers are saved in so many pieces, by the first digit of their id. */
export const producerPages = 16

const pageOf = (id: ProducerId): number => Number.parseInt(id[0], 16)

export class Producers {
  /** The one that has been silent longest comes first. */
  readonly byId = new SmallMap<ProducerId, Producer>()
  /** No producer is older. */
  private oldestMs = 0
  /** Bits by page. */
  dirtyPages = 0
  savedPages = 0

  constructor(private readonly lanes: Lanes) {}

  /** The producer, unless it is unknown or forgotten by now. */
  find(id: ProducerId, journalMs: number): Producer | undefined {
    const producer = this.byId.get(id)
    return producer === undefined || producer.forgottenAt(journalMs) ? undefined : producer
  }

  /** Whether one more can be taken now. */
  hasRoom(journalMs: number): boolean {
    if (this.byId.size < limits.producersPerQueueMax) return true
    const oldest = this.byId.values().next().value
    return oldest?.forgottenAt(journalMs) ?? true
  }

  /** A frame was taken: remembers its result. */
  accept(id: ProducerId, frameNumber: number, journalMs: number, result: FrameResult): void {
    this.forget(journalMs)
    let producer = this.byId.get(id)
    if (producer === undefined) {
      producer = new Producer(id)
      if (this.byId.size === 0) this.oldestMs = journalMs
    } else {
      this.byId.delete(id)
      producer.tell(this.lanes, -1)
    }
    invariant(frameNumber === producer.lastFrame + 1, "a producer's frames have a gap")
    this.byId.set(id, producer)
    producer.lastFrame = frameNumber
    producer.lastMs = journalMs
    producer.tell(this.lanes, 1)
    producer.remember(result)
    producer.tellResult(this.lanes, frameNumber, result, 1)
    if (producer.results.length > limits.producerResultsMax) {
      const dropped = producer.results.shift() as FrameResult
      producer.tellResult(this.lanes, frameNumber - limits.producerResultsMax, dropped, -1)
    }
    this.dirtyPages |= 1 << pageOf(id)
  }

  clear(): void {
    for (const producer of this.byId.values()) {
      producer.tell(this.lanes, -1)
      this.tellResults(producer, -1)
    }
    this.byId.clear()
    this.dirtyPages = this.savedPages
  }

  /** Puts back a producer that was saved; in the order of their last frames. */
  restore(producer: Producer): void {
    if (this.byId.size === 0) this.oldestMs = producer.lastMs
    this.byId.set(producer.id, producer)
    producer.tell(this.lanes, 1)
    this.tellResults(producer, 1)
    this.savedPages |= 1 << pageOf(producer.id)
  }

  /** Producers of one page. */
  page(page: number): Producer[] {
    const found: Producer[] = []
    for (const producer of this.byId.values()) {
      if (pageOf(producer.id) === page) found.push(producer)
    }
    return found
  }

  private forget(journalMs: number): void {
    if (this.oldestMs + limits.producerForgottenAfterMs > journalMs) return
    for (const producer of this.byId.values()) {
      this.oldestMs = producer.lastMs
      if (!producer.forgottenAt(journalMs)) return
      this.byId.delete(producer.id)
      producer.tell(this.lanes, -1)
      this.tellResults(producer, -1)
      this.dirtyPages |= 1 << pageOf(producer.id)
    }
    this.oldestMs = journalMs
  }

  private tellResults(producer: Producer, weight: number): void {
    let frameNumber = producer.lastFrame - producer.results.length + 1
    for (const result of producer.results) {
      producer.tellResult(this.lanes, frameNumber++, result, weight)
    }
  }
}
