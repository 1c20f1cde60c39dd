/**
 * Owns: one consumer of one queue: what is fetched and not yet handed out, what is handed out and
 * not yet settled, the renewal of leases, and its end.
 * Must not know: handlers (Worker.ts).
 *
 * Shutdown order: no new fetches, those in flight end, what is not settled is returned, settles are
 * confirmed, the session is left.
 */
import {
  type Outcome,
  type QueueRef,
  type Sequence,
  type SkeinError,
  skeinError,
} from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import { abortedError, type CallOptions, timeoutOf, withDeadline } from "../Deadline.js"
import { Deferred, ignore } from "../Deferred.js"
import type { FabricConnection, Link, LinkUser } from "../link/FabricConnection.js"
import type { QueueDefinition } from "../QueueDefinition.js"
import type { Runtime } from "../Runtime.js"
import { extendLeases } from "./extendLeases.js"
import { FetchPipeline } from "./FetchPipeline.js"
import { type HeldRun, settled } from "./HeldRun.js"
import { LeaseRenewal } from "./LeaseRenewal.js"
import { Batch, type Message, type Settler } from "./Message.js"
import type { SessionKeeper } from "./SessionKeeper.js"
import { SettleSender } from "./SettleSender.js"
import {
  BatchSettle,
  type BatchSettled,
  MessageSettle,
  type SettleOptions,
} from "./SettleWaiters.js"

/** Settings of a consumer; all have defaults that suit most. */
export interface ConsumeOptions {
  /** Messages fetched ahead of the program. Default 4,096, at most 32,768. */
  readonly prefetchMessages?: number
  /** Bytes fetched ahead of the program. Default 4 MiB, at most 64 MiB. */
  readonly prefetchBytes?: number
  /** Messages handed out and not settled beyond which fetching pauses. Default and most 32,768. */
  readonly unsettledMessagesMax?: number
  /** Ends the consumer: iteration stops with Aborted. */
  readonly signal?: AbortSignal
}

export interface ConsumerParts {
  readonly runtime: Runtime
  /** The way to the queue's shard. */
  readonly link: Link
  readonly keeper: SessionKeeper
  readonly queue: QueueRef
  /** The queue's lease. */
  readonly leaseMs: number
  /** Renew what is handed out too (workers do), not only what waits here. */
  readonly renewHandedOut: boolean
  readonly renewLeaseMs?: number
  /** Messages were lost: some that were handed out may be among them. */
  readonly onLost?: () => void
  readonly onClosed?: () => void
}

/**
 * Messages of one queue, leased to this client. Iterate it (`for await`), or take whole batches by
 * `batches()`; both may be used at once, each message comes out once. Leases of messages that wait
 * here are renewed; those of messages that were handed out are not: settle them within the queue's
 * lease, or use a worker. Iteration ends with an error when the queue is gone or the client closes.
 */
export class Consumer<A> implements AsyncIterable<Message<A>>, AsyncDisposable {
  readonly #definition: QueueDefinition<A>
  readonly #parts: ConsumerParts
  #prefetchMessages: number
  readonly #prefetchBytes: number
  readonly #unsettledMax: number
  readonly #settles: SettleSender
  readonly #pipeline: FetchPipeline
  readonly #renewal: LeaseRenewal
  readonly #settler: Settler
  readonly #held = new Set<HeldRun>()
  #buffer: HeldRun[][] = []
  #bufferedMessages = 0
  #bufferedBytes = 0
  #heldMessages = 0
  /** The rest of batches whose loop was left. */
  readonly #unseen: Pick<Batch<A>, "messages">[] = []
  #takers: Deferred<Batch<A> | undefined>[] = []
  #waking = false
  #failure: SkeinError | undefined
  #closing: Promise<void> | undefined
  #detach: () => void = ignore

  constructor(definition: QueueDefinition<A>, parts: ConsumerParts, options: ConsumeOptions) {
    this.#definition = definition
    this.#parts = parts
    this.#prefetchMessages = within("prefetchMessages", options.prefetchMessages, {
      default: clientLimits.prefetchMessagesDefault,
      max: clientLimits.prefetchMessagesMax,
    })
    this.#prefetchBytes = within("prefetchBytes", options.prefetchBytes, {
      default: clientLimits.prefetchBytesDefault,
      max: clientLimits.prefetchBytesMax,
    })
    this.#unsettledMax = within("unsettledMessagesMax", options.unsettledMessagesMax, {
      default: clientLimits.unsettledMessagesMax,
      max: clientLimits.unsettledMessagesMax,
    })
    this.#settler = {
      settleOne: (run, index, outcome, settle) => this.#settleOne(run, index, outcome, settle),
      settleAll: (runs, outcome, settle) => this.#settleAll(runs, outcome, settle),
    }
    this.#settles = this.#makeSettles()
    this.#pipeline = this.#makePipeline()
    this.#renewal = new LeaseRenewal(parts, this.#held, {
      fabric: () => this.#pipeline.fabric,
      session: () => this.#pipeline.session,
      lost: (run, messages) => {
        this.#letGo(run, messages)
        this.#parts.onLost?.()
        this.#wake()
      },
    })
    const user: LinkUser = {
      linkUp: (fabric) => this.#pipeline.linkUp(fabric),
      linkDown: () => {
        this.#pipeline.linkDown()
        this.#settles.linkDown()
      },
      linkClosed: (error) => this.#break(error),
    }
    this.#detach = parts.link.attach(user)
    if (options.signal !== undefined) this.#watch(options.signal)
  }

  /** Not for programs: a worker ends it. */
  get isWorkers(): boolean {
    return this.#parts.renewHandedOut
  }

  /** Messages here that were fetched ahead. */
  get buffered(): number {
    return this.#bufferedMessages
  }

  /** The next batch, as soon as there is one; `undefined` once the consumer is closed. */
  take(options?: CallOptions): Promise<Batch<A> | undefined> {
    const ready = this.#shift()
    if (ready !== undefined) return Promise.resolve(ready)
    if (this.#closing !== undefined) return Promise.resolve(undefined)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const taker = new Deferred<Batch<A> | undefined>()
    this.#takers.push(taker)
    if (options === undefined) return taker.promise
    return withDeadline(this.#parts.runtime.clock, "take", options, () => taker.promise).finally(
      () => {
        const at = this.#takers.indexOf(taker)
        if (at >= 0) this.#takers.splice(at, 1)
      },
    )
  }

  /** Whole batches as they were fetched: the fast way. */
  async *batches(): AsyncGenerator<Batch<A>, void, undefined> {
    while (true) {
      const batch = await this.take()
      if (batch === undefined) return
      yield batch
    }
  }

  /** Message by message. What a loop that was left did not see comes out of the next one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message<A>, void, undefined> {
    while (true) {
      const batch = this.#unseen.shift() ?? (await this.take())
      if (batch === undefined) return
      const messages = batch.messages
      let at = 0
      try {
        while (at < messages.length) {
          const message = messages[at++]
          if (!message.isLost) yield message
        }
      } finally {
        if (at < messages.length) this.#unseen.unshift({ messages: messages.slice(at) })
      }
    }
  }

  /**
   * Ends the consumer: what is not settled goes back to the queue (counted as returned), settles
   * are confirmed. Default timeout 30 s; then what is left comes back by the end of the session's
   * lease.
   */
  close(options?: CallOptions): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Not for programs: fetches so many messages ahead from now on, within the bounds. */
  fetchAhead(messages: number): void {
    this.#prefetchMessages = Math.max(1, Math.min(messages, clientLimits.prefetchMessagesDefault))
  }

  /** Not for programs: fetches nothing more and returns what waits here. */
  async quiesce(): Promise<void> {
    await this.#pipeline.stop()
    const waiting = this.#buffer.flat()
    this.#buffer = []
    this.#settleAll(waiting, "return", undefined).catch(ignore)
  }

  async #close(options: CallOptions | undefined): Promise<void> {
    for (const taker of this.#takers.splice(0)) taker.resolve(undefined)
    try {
      if (this.#failure === undefined) {
        await withDeadline(this.#parts.runtime.clock, "close", options, () => this.#drain())
      }
    } finally {
      this.#finish(skeinError("FabricClosed", "the consumer was closed"))
    }
  }

  async #drain(): Promise<void> {
    await this.quiesce()
    this.#settleAll([...this.#held], "return", undefined).catch(ignore)
    this.#pipeline.pump()
    await this.#settles.idle()
  }

  #break(error: SkeinError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#finish(error)
    for (const taker of this.#takers.splice(0)) taker.reject(error)
  }

  #finish(error: SkeinError): void {
    this.#failure ??= error
    this.#detach()
    this.#renewal.stop()
    this.#pipeline.stop().catch(ignore)
    this.#settles.close(error)
    this.#buffer = []
    this.#held.clear()
    this.#parts.keeper.leave(this.#parts.queue.generation)
    this.#parts.onClosed?.()
  }

  #watch(signal: AbortSignal): void {
    const onAbort = (): void => {
      for (const taker of this.#takers.splice(0)) taker.reject(abortedError("consume", "unknown"))
      this.close().catch(ignore)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener("abort", onAbort, { once: true })
  }

  #makeSettles(): SettleSender {
    return new SettleSender(this.#parts.runtime, this.#parts.queue, {
      fabric: () => this.#pipeline.fabric,
      session: () => this.#pipeline.session,
      sessionUnknown: (fabric) => this.#pipeline.sessionUnknown(fabric),
      broken: (error) => this.#break(error),
      wake: () => this.#wake(),
    })
  }

  #makePipeline(): FetchPipeline {
    const parts = this.#parts
    return new FetchPipeline(
      parts.runtime,
      parts.queue,
      parts.keeper,
      this.#settles,
      {
        ahead: () => ({ messages: this.#prefetchMessages, bytes: this.#prefetchBytes }),
        room: () => ({
          messages: Math.min(
            this.#prefetchMessages - this.#bufferedMessages,
            this.#unsettledMax - this.#heldMessages,
          ),
          bytes: this.#prefetchBytes - this.#bufferedBytes,
        }),
        deliver: (runs) => this.#deliver(runs),
        verify: (fabric, runs) => this.#verify(fabric, runs),
        broken: (error) => this.#break(error),
      },
      clientLimits.fetchesInFlightDefault,
    )
  }

  #deliver(delivered: readonly HeldRun[]): void {
    const runs = delivered.filter((run) => run.held > 0)
    if (runs.length === 0) return
    for (const run of runs) {
      this.#held.add(run)
      this.#heldMessages += run.held
      this.#bufferedMessages += run.count
      this.#bufferedBytes += run.run.frame.length
    }
    this.#buffer.push(runs)
    while (this.#takers.length > 0) {
      const batch = this.#shift()
      if (batch === undefined) return
      this.#takers.shift()?.resolve(batch)
    }
  }

  /** The next batch that still holds something; lost messages were dropped from it. */
  #shift(): Batch<A> | undefined {
    while (this.#buffer.length > 0) {
      const runs = this.#buffer.shift()
      if (runs === undefined) break
      let held = 0
      for (const run of runs) {
        run.handedOut = true
        held += run.held
        this.#bufferedMessages -= run.count
        this.#bufferedBytes -= run.run.frame.length
      }
      this.#wake()
      if (held > 0) return new Batch(this.#settler, this.#definition, runs)
    }
    return undefined
  }

  /** What waits here and is no longer leased to us will come again: it is dropped. */
  async #verify(fabric: FabricConnection, answered: readonly HeldRun[]): Promise<void> {
    const runs = [...this.#buffer.flat(), ...answered]
    if (runs.length === 0) return
    const { queue, keeper } = this.#parts
    const asked = extendLeases(fabric, runs, {
      queue,
      session: keeper.session.id,
      // What was handed out meanwhile is left alone: its settle says what became of it.
      marks: (run) => !run.handedOut,
      onLost: (run, messages) => {
        if (this.#held.has(run)) this.#letGo(run, messages)
      },
    })
    await Promise.all(asked)
    const buffer = this.#buffer
    this.#buffer = []
    for (const batch of buffer) {
      const left = batch.filter((run) => run.held > 0)
      if (left.length > 0) this.#buffer.push(left)
      for (const run of batch) {
        if (run.held > 0) continue
        this.#bufferedMessages -= run.count
        this.#bufferedBytes -= run.run.frame.length
      }
    }
  }

  #settleOne(
    run: HeldRun,
    index: number,
    outcome: Outcome,
    options: SettleOptions | undefined,
  ): Promise<void> {
    if (this.#failure !== undefined) return rejected(this.#failure)
    if (options?.signal?.aborted === true) return rejected(abortedError("settle", "not sent"))
    const sequence = run.sequence(index)
    if (!run.mark(index, settled)) {
      return rejected(
        skeinError("LeaseLost", `message ${sequence} is settled or lost already`, { sequence }),
      )
    }
    this.#letGo(run, 1)
    const timeoutMs = timeoutOf(options)
    const waiter = new MessageSettle(sequence, this.#deadline(timeoutMs), timeoutMs)
    if (options?.signal !== undefined) waiter.watch(options.signal)
    this.#settles.add(outcome, run.run, sequence, sequence, waiter)
    this.#wake()
    return waiter.promise
  }

  #settleAll(
    runs: readonly HeldRun[],
    outcome: Outcome,
    options: SettleOptions | undefined,
  ): Promise<BatchSettled> {
    if (this.#failure !== undefined) return rejected(this.#failure)
    if (options?.signal?.aborted === true) return rejected(abortedError("settle", "not sent"))
    const timeoutMs = timeoutOf(options)
    const all = new BatchSettle(this.#deadline(timeoutMs), timeoutMs)
    if (options?.signal !== undefined) all.watch(options.signal)
    for (const run of runs) {
      const settleRange = (first: Sequence, last: Sequence): void =>
        this.#settles.add(outcome, run.run, first, last, all.part(first, last))
      run.heldRanges(settleRange)
      const held = run.held
      run.markAll()
      this.#letGo(run, held)
    }
    all.complete()
    this.#wake()
    return all.promise
  }

  #letGo(run: HeldRun, messages: number): void {
    this.#heldMessages -= messages
    if (run.held === 0) this.#held.delete(run)
  }

  #deadline(timeoutMs: number): number {
    return this.#parts.runtime.clock.monotonicMs() + timeoutMs
  }

  /** What came together in this tick leaves together. */
  #wake(): void {
    if (this.#waking) return
    this.#waking = true
    this.#parts.runtime.endOfTick(() => {
      this.#waking = false
      this.#pipeline.pump()
    })
  }
}

const rejected = <B>(error: SkeinError): Promise<B> => {
  const promise = Promise.reject<B>(error)
  promise.then(undefined, ignore)
  return promise
}

const within = (
  name: string,
  value: number | undefined,
  bounds: { readonly default: number; readonly max: number },
): number => {
  const chosen = value ?? bounds.default
  if (Number.isInteger(chosen) && chosen >= 1 && chosen <= bounds.max) return chosen
  throw skeinError("ConfigInvalid", `${name} is a whole number from 1 to ${bounds.max}`)
}
