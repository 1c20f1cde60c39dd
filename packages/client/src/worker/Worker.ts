/**
 * Owns: running a handler over the messages of a queue: slots, leases renewed meanwhile, what
 * becomes of failures, and an orderly stop.
 * Must not know: where messages come from beyond its consumer.
 *
 * Shutdown order: nothing new starts; what waits goes back; failures whose backoff runs are
 * reported at once; running handlers have the grace time, then their signals are aborted and their
 * messages go back; settles are confirmed; the consumer closes.
 * Tricky: a handler may settle its message itself; then its end changes nothing. A lease lost while
 * the handler runs aborts its signal; whatever it answers afterwards is not settled.
 */
import { asSkeinError, isSkeinError, type SkeinError, skeinError } from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import type { Consumer } from "../consume/Consumer.js"
import type { Message } from "../consume/Message.js"
import { Deferred, ignore } from "../Deferred.js"
import { backoffMs, type Runtime } from "../Runtime.js"
import type { Handler, Verdict, WorkerSettings } from "./WorkerOptions.js"

interface Running<A> {
  readonly message: Message<A>
  readonly abort: AbortController
}

/** A handler at work on a queue; made by `queue.worker(handler)`. */
export class Worker<A> implements AsyncDisposable {
  /**
   * Resolves when the worker has stopped. Rejects when it cannot go on (QueueNotFound, Quarantined,
   * FabricClosed), and with the handler's error if that escalates. Handle it: nobody else tells
   * that the work has ended.
   */
  readonly done: Promise<void>
  readonly #runtime: Runtime
  readonly #consumer: Consumer<A>
  readonly #handler: Handler<A>
  readonly #settings: WorkerSettings<A>
  readonly #onEnd: () => void
  readonly #done = new Deferred<void>()
  readonly #running = new Set<Running<A>>()
  /** Failed messages whose backoff runs, with what ends it early. */
  readonly #backingOff = new Map<Message<A>, () => void>()
  #waiting: readonly Message<A>[] = []
  #next = 0
  #taking = false
  #stopping: Promise<void> | undefined
  #idle: (() => void) | undefined
  /** Why it stops, if a handler's failure said so. */
  #escalated: { readonly error: unknown } | undefined
  /** Mean time of the handler, for how much to fetch ahead. */
  #meanMs = 0

  constructor(
    runtime: Runtime,
    consumer: Consumer<A>,
    handler: Handler<A>,
    settings: WorkerSettings<A>,
    onEnd: () => void,
  ) {
    this.#runtime = runtime
    this.#consumer = consumer
    this.#handler = handler
    this.#settings = settings
    this.#onEnd = onEnd
    this.done = this.#done.promise
    this.#fill()
  }

  /** Handlers that run now. */
  get running(): number {
    return this.#running.size
  }

  /** Stops in an orderly way within the grace time; again: the same promise. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** The consumer found that leases are gone: handlers of such messages may give up. */
  leasesLost(): void {
    for (const { message, abort } of this.#running) {
      if (message.isLost) {
        abort.abort(skeinError("LeaseLost", `message ${message.sequence} was lost`, {}))
      }
    }
    for (const [message, end] of this.#backingOff) if (message.isLost) end()
  }

  #fill(): void {
    while (this.#stopping === undefined && this.#hasSlot()) {
      if (this.#next === this.#waiting.length) {
        this.#take()
        return
      }
      const message = this.#waiting[this.#next++]
      // Its lease may have been lost while it waited here.
      if (message.isHeld) this.#run(message).catch(ignore)
    }
  }

  #hasSlot(): boolean {
    return (
      this.#running.size < this.#settings.concurrency &&
      this.#backingOff.size < clientLimits.workerBackingOffMax
    )
  }

  #take(): void {
    if (this.#taking) return
    this.#taking = true
    this.#consumer.take().then(
      (batch) => {
        this.#taking = false
        if (batch === undefined) {
          this.stop().catch(ignore)
          return
        }
        this.#waiting = batch.messages
        this.#next = 0
        if (this.#stopping !== undefined) this.#returnWaiting()
        else this.#fill()
      },
      (error: unknown) => {
        this.#taking = false
        this.#break(asSkeinError(error))
      },
    )
  }

  async #run(message: Message<A>): Promise<void> {
    const running = { message, abort: new AbortController() }
    this.#running.add(running)
    const startedMs = this.#runtime.clock.monotonicMs()
    try {
      await this.#handler(message, running.abort.signal)
      if (message.isHeld) message.ack().catch(ignore)
    } catch (error) {
      if (message.isHeld) this.#failed(message, error)
    } finally {
      this.#running.delete(running)
      this.#learn(this.#runtime.clock.monotonicMs() - startedMs)
      if (this.#running.size === 0) this.#idle?.()
      this.#fill()
    }
  }

  /** Half a second of work is fetched ahead, so slow handlers hoard nothing and fast ones flow. */
  #learn(tookMs: number): void {
    this.#meanMs = this.#meanMs === 0 ? tookMs : this.#meanMs * 0.95 + tookMs * 0.05
    const perSlot = Math.ceil(clientLimits.workerAheadMs / Math.max(this.#meanMs, 0.05))
    this.#consumer.fetchAhead(this.#settings.concurrency * perSlot)
  }

  #failed(message: Message<A>, error: unknown): void {
    const verdict = this.#judge(message, error)
    if (verdict === "return") message.return().catch(ignore)
    else if (verdict === "reject") message.reject().catch(ignore)
    else if (verdict === "escalate") this.#escalate(message, error)
    else if (this.#stopping !== undefined) message.fail().catch(ignore)
    else this.#failLater(message)
  }

  #escalate(message: Message<A>, error: unknown): void {
    message.return().catch(ignore)
    if (this.#stopping !== undefined) return
    this.#escalated = { error }
    // What the stop itself meets is less than why it stops.
    this.stop().catch(ignore)
  }

  #judge(message: Message<A>, error: unknown): Verdict {
    if (isSkeinError(error) && error._tag === "BodyUndecodable") {
      this.#tell(error, message)
      return this.#settings.undecodable
    }
    return this.#tell(error, message) ?? "fail"
  }

  #tell(error: unknown, message: Message<A>): Verdict | undefined {
    try {
      return this.#settings.onFailure(error, message) ?? undefined
    } catch {
      // A broken policy must not lose the message: it goes back like any failure.
      return "fail"
    }
  }

  #failLater(message: Message<A>): void {
    const delayMs = backoffMs(this.#runtime.random, message.failed, this.#settings.backoff)
    const end = (): void => {
      cancel()
      this.#backingOff.delete(message)
      if (message.isHeld) message.fail().catch(ignore)
      this.#fill()
    }
    const cancel = this.#runtime.clock.setTimer(delayMs, end)
    this.#backingOff.set(message, end)
  }

  #returnWaiting(): void {
    for (const message of this.#waiting.slice(this.#next)) {
      if (message.isHeld) message.return().catch(ignore)
    }
    this.#waiting = []
    this.#next = 0
  }

  async #stop(): Promise<void> {
    // The assignment to #stopping comes first: nothing below may start anything new.
    await Promise.resolve()
    this.#returnWaiting()
    for (const end of [...this.#backingOff.values()]) end()
    this.#consumer.quiesce().catch(ignore)
    if (this.#running.size > 0) await this.#grace()
    for (const { abort } of this.#running) {
      abort.abort(skeinError("Aborted", "the worker stops and the grace time is over"))
    }
    try {
      await this.#consumer.close()
    } finally {
      this.#onEnd()
      if (this.#escalated === undefined) this.#done.resolve()
      else this.#done.reject(this.#escalated.error)
    }
  }

  #grace(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#runtime.clock.setTimer(this.#settings.graceMs, resolve)
      this.#idle = () => {
        cancel()
        resolve()
      }
    })
  }

  #break(error: SkeinError): void {
    if (this.#stopping !== undefined) return
    this.#stopping = Promise.resolve()
    for (const { abort } of this.#running) abort.abort(error)
    for (const end of [...this.#backingOff.values()]) end()
    this.#onEnd()
    this.#done.reject(error)
  }
}
