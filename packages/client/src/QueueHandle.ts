/**
 * Owns: a queue as the program uses it: publish, consume, work. It finds the queue's address when
 * it is first needed and again after the queue was deleted and declared anew.
 */
import { asSkeinError, skeinError } from "@skein/model"
import type { FrameMessage, QueueInfo } from "@skein/wire"
import type { ClientCore } from "./ClientCore.js"
import { frameCost } from "./codec/FrameIndex.js"
import { type ConsumeOptions, Consumer, type ConsumerParts } from "./consume/Consumer.js"
import { abortedError, type CallOptions, timeoutOf, withDeadline } from "./Deadline.js"
import { ignore } from "./Deferred.js"
import { columnsOf, type MessageOptions } from "./publish/columnsOf.js"
import { bodyProblem, EarlyCalls } from "./publish/EarlyCalls.js"
import { PublishCall, type Published } from "./publish/PublishCall.js"
import type { Publisher } from "./publish/Publisher.js"
import type { QueueDefinition } from "./QueueDefinition.js"
import { Worker } from "./worker/Worker.js"
import { type Handler, type WorkerOptions, workerSettings } from "./worker/WorkerOptions.js"

export interface PublishOptions extends MessageOptions, CallOptions {}

export interface PublishManyOptions<A> extends CallOptions {
  /** The columns of each message, asked once per value. */
  readonly each?: (value: A, index: number) => MessageOptions
}

interface Open {
  readonly info: QueueInfo
  readonly publisher: Publisher
}

/**
 * Made by `client.queue(definition)`; cheap, and the same for the same definition.
 *
 * Errors of publishing: PayloadInvalid, BodyTooLarge, LimitExceeded (before anything is sent);
 * QueueNotFound, Quarantined; QueueFull, Overloaded, DiskFull and other retryable refusals only
 * when they last until the timeout; TimedOut and Aborted (`data.outcome` says "not sent" or
 * "unknown"); Unconfirmed; FabricClosed.
 */
export class QueueHandle<A> {
  readonly definition: QueueDefinition<A>
  readonly #core: ClientCore
  readonly #early: EarlyCalls
  #open: Open | undefined
  #opening: Promise<Open> | undefined

  constructor(core: ClientCore, definition: QueueDefinition<A>) {
    this.#core = core
    this.definition = definition
    this.#early = new EarlyCalls(core.runtime, () => core.whyDown())
  }

  get name(): string {
    return this.definition.name
  }

  /**
   * Publishes one message; resolves when it is durable. Messages of one client are stored in the
   * order of the calls. Batches form by themselves: do not wait between calls unless you need to.
   */
  publish(value: A, options?: PublishOptions): Promise<Published> {
    let call: PublishCall
    try {
      call = this.#callOfOne(value, options)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#hand(call, options?.signal) as Promise<Published>
  }

  /**
   * Publishes all values in order; resolves when all are durable, with one result per value. Not a
   * transaction: when it rejects, some of the first may be stored.
   */
  publishMany(
    values: readonly A[],
    options?: PublishManyOptions<A>,
  ): Promise<readonly Published[]> {
    if (values.length === 0) return Promise.resolve([])
    let call: PublishCall
    try {
      call = this.#callOfMany(values, options)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#hand(call, options?.signal) as Promise<readonly Published[]>
  }

  /** Resolves when there is room to publish more: await it in loops that do not await publishes. */
  room(): Promise<void> {
    return this.#open === undefined ? Promise.resolve() : this.#open.publisher.room()
  }

  /** Starts to fetch; see {@link Consumer}. Rejects with QueueNotFound. */
  async consume(options: ConsumeOptions & CallOptions = {}): Promise<Consumer<A>> {
    const open = this.#open ?? (await this.#opened(options))
    return this.consumerOf(open.info, options, {})
  }

  /**
   * Runs `handler` over the queue's messages until stopped: leases are renewed while it runs, its
   * success acks, its failure is reported and the message goes back after a backoff.
   * Rejects with QueueNotFound or ConfigInvalid; later failures come out of `worker.done`.
   */
  async worker(
    handler: Handler<A>,
    options: WorkerOptions<A> & Pick<CallOptions, "timeoutMs"> = {},
  ): Promise<Worker<A>> {
    if (typeof handler !== "function") {
      throw skeinError("ConfigInvalid", "a worker's handler is a function of a message")
    }
    const settings = workerSettings(options)
    const open = this.#open ?? (await this.#opened(options))
    const core = this.#core
    const consumer = this.consumerOf(
      open.info,
      { prefetchMessages: Math.min(4 * settings.concurrency, 1024) },
      {
        renewHandedOut: true,
        onLost: () => worker.leasesLost(),
        ...(settings.leaseMs !== undefined && { renewLeaseMs: settings.leaseMs }),
      },
    )
    const stop = (): void => {
      worker.stop().catch(ignore)
    }
    const worker: Worker<A> = new Worker(core.runtime, consumer, handler, settings, () => {
      core.workers.delete(worker)
      options.signal?.removeEventListener("abort", stop)
    })
    core.workers.add(worker)
    if (options.signal?.aborted === true) stop()
    else options.signal?.addEventListener("abort", stop, { once: true })
    return worker
  }

  /** Not for programs: a consumer with the parts a worker sets. */
  consumerOf(info: QueueInfo, options: ConsumeOptions, parts: Partial<ConsumerParts>): Consumer<A> {
    const consumer: Consumer<A> = new Consumer(
      this.definition,
      {
        runtime: this.#core.runtime,
        link: this.#core.router.shard(info.shard),
        keeper: this.#core.keeperFor(info),
        queue: { shard: info.shard, generation: info.generation },
        leaseMs: info.policy.leaseMs,
        renewHandedOut: false,
        onClosed: () => this.#core.consumers.delete(consumer),
        ...parts,
      },
      options,
    )
    this.#core.consumers.add(consumer)
    return consumer
  }

  /** The queue's address and policy. Rejects with QueueNotFound. */
  async info(options?: CallOptions): Promise<QueueInfo> {
    return (this.#open ?? (await this.#opened(options))).info
  }

  /** Resolves when every publish that was called has ended. */
  async flush(): Promise<void> {
    await this.#open?.publisher.idle()
  }

  #hand(call: PublishCall, signal: AbortSignal | undefined): PublishCall["promise"] {
    if (signal?.aborted === true) return Promise.reject(abortedError("publish", "not sent"))
    const open = this.#open
    if (open !== undefined) open.publisher.accept(call, signal)
    else {
      this.#early.add(call, signal)
      this.#address().catch((error: unknown) => this.#early.fail(asSkeinError(error)))
    }
    return call.promise
  }

  #opened(options: CallOptions | undefined): Promise<Open> {
    const { clock } = this.#core.runtime
    const why = (): string => this.#core.whyDown()
    return withDeadline(clock, `queue ${this.name}`, options, () => this.#address(), why)
  }

  /** One lookup for all who wait, so it has a time of its own. */
  #address(): Promise<Open> {
    if (this.#open !== undefined) return Promise.resolve(this.#open)
    const core = this.#core
    this.#opening ??= withDeadline(
      core.runtime.clock,
      `queue ${this.name}`,
      undefined,
      (life) => core.control(life, (fabric) => fabric.admin.lookup(this.name)),
      () => core.whyDown(),
    )
      .then((info) => this.#openAt(info))
      .finally(() => {
        this.#opening = undefined
      })
    return this.#opening
  }

  #openAt(info: QueueInfo): Open {
    const open = { info, publisher: this.#core.publisherFor(info) }
    this.#open = open
    this.#early.release(info.policy, (call, signal) => open.publisher.accept(call, signal))
    // Deleted: the next call looks for a queue declared anew.
    open.publisher.onGone(() => {
      if (this.#open === open) this.#open = undefined
    })
    return open
  }

  #check(body: Uint8Array): void {
    const problem = bodyProblem(body, this.#open?.info.policy)
    if (problem !== undefined) throw problem
  }

  #callOfOne(value: A, options: PublishOptions | undefined): PublishCall {
    const body = this.definition.encode(value)
    this.#check(body)
    const nowMs = this.#core.runtime.clock.monotonicMs()
    if (options === undefined) {
      const timeoutMs = this.#core.timeoutMs
      return new PublishCall(body, undefined, body.length + 8, nowMs + timeoutMs, timeoutMs)
    }
    const timeoutMs = timeoutOf(options)
    const columns = columnsOf(options)
    const bytes = frameCost({ body, ...columns })
    const call = new PublishCall(body, undefined, bytes, nowMs + timeoutMs, timeoutMs)
    if (columns.key !== undefined) call.key = columns.key
    if (columns.headers !== undefined) call.headers = columns.headers
    if (columns.dedup !== undefined) call.dedup = columns.dedup
    return call
  }

  #callOfMany(values: readonly A[], options: PublishManyOptions<A> | undefined): PublishCall {
    const each = options?.each
    const messages: FrameMessage[] = []
    let bytes = 0
    for (let at = 0; at < values.length; at++) {
      const body = this.definition.encode(values[at])
      this.#check(body)
      const message = each === undefined ? { body } : { body, ...columnsOf(each(values[at], at)) }
      messages.push(message)
      bytes += frameCost(message)
    }
    const timeoutMs = timeoutOf(options)
    const deadlineMs = this.#core.runtime.clock.monotonicMs() + timeoutMs
    return new PublishCall(messages[0].body, messages, bytes, deadlineMs, timeoutMs)
  }
}
