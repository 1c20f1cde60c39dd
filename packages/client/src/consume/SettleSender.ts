/**
 * Owns: bringing settles to the node: on the next fetch when one goes out, else by requests of
 * their own; repeated over reconnects until confirmed; each within the time its caller gave it.
 * Must not know: fetching.
 *
 * Tricky: a former owner may still answer what its successor has been asked again. Its ok holds for
 * both; its LeaseLost says nothing of the successor, to whom the same settle may be of the latest
 * delivery: told to the caller, it would be the end of a message that nobody has settled.
 */
import {
  asSkeinError,
  type Outcome,
  type QueueRef,
  type Sequence,
  type SkeinError,
  skeinError,
} from "@skein/model"
import type { SettleAnswer } from "@skein/wire"
import { clientLimits } from "../clientLimits.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import { Retry } from "../Retry.js"
import type { Runtime } from "../Runtime.js"
import { type IsOver, Sweep } from "../Sweep.js"
import type { Session } from "./SessionKeeper.js"
import { type DeliveryRef, SettleBook, type SettleLoad, type SettleWaiter } from "./SettleBook.js"

const retryBounds = {
  minMs: clientLimits.fetchRetryDelayMinMs,
  maxMs: clientLimits.fetchRetryDelayMaxMs,
}

export interface SettleSenderHost {
  readonly fabric: () => FabricConnection | undefined
  readonly session: () => Session
  /** The node behind `fabric` does not know the session: it must be opened there first. */
  readonly sessionUnknown: (fabric: FabricConnection) => void
  /** The queue is gone or broken: nothing more can be settled. */
  readonly broken: (error: SkeinError) => void
  /** Something may go out now: settles are there. */
  readonly wake: () => void
}

export class SettleSender {
  readonly #queue: QueueRef
  readonly #host: SettleSenderHost
  readonly #book = new SettleBook()
  /** Sent and not confirmed, with the connection over which it went last. */
  readonly #inFlight = new Map<SettleLoad, FabricConnection>()
  /** Sent in vain: these go first, as they were. */
  #again: SettleLoad[] = []
  #alone = 0
  readonly #retry: Retry
  readonly #sweep: Sweep
  #idleWaiters: (() => void)[] = []

  constructor(runtime: Runtime, queue: QueueRef, host: SettleSenderHost) {
    this.#retry = new Retry(runtime, retryBounds)
    this.#sweep = new Sweep(runtime.clock, (isOver) => this.#expire(isOver))
    this.#queue = queue
    this.#host = host
  }

  add(
    outcome: Outcome,
    delivery: DeliveryRef,
    first: Sequence,
    last: Sequence,
    waiter: SettleWaiter,
  ): void {
    this.#book.add(outcome, delivery, first, last, waiter)
    this.#sweep.watch(waiter.deadlineMs)
  }

  get hasLoad(): boolean {
    return !this.#retry.isWaiting && (this.#again.length > 0 || !this.#book.isEmpty)
  }

  /** The settles for the next request; `sent` must follow. */
  take(by: "fetch" | "settle"): SettleLoad | undefined {
    if (this.#retry.isWaiting) return undefined
    const at = this.#again.findIndex((load) => by === "settle" || !load.alone)
    return at < 0 ? this.#book.take() : this.#again.splice(at, 1)[0]
  }

  /** A request carries `load`; `answer` is its end. */
  sent(load: SettleLoad, fabric: FabricConnection, answer: Promise<SettleAnswer>): void {
    this.#inFlight.set(load, fabric)
    answer.then(
      (lost) => {
        if (!this.#isEnd(load, fabric, lost)) return
        this.#retry.succeeded()
        if (load.isAnsweredBy(lost)) load.confirmed(lost)
        else fail(load, misanswered(load, lost))
        this.#checkIdle()
      },
      (error: unknown) => {
        if (this.#host.fabric() === fabric && this.#inFlight.delete(load)) {
          this.#refused(load, fabric, asSkeinError(error))
        }
      },
    )
  }

  /** Sends what no fetch took, a few requests at a time: meanwhile more gathers. */
  sendAlone(): void {
    const fabric = this.#host.fabric()
    if (fabric === undefined) return
    while (this.#alone < clientLimits.settlesInFlightMax) {
      const load = this.take("settle")
      if (load === undefined) return
      this.#alone++
      const session = this.#host.session()
      const answer = session.open(fabric).then(() =>
        fabric.broker.settle({
          queue: this.#queue,
          session: session.id,
          settles: load.settles,
        }),
      )
      const over = (): void => {
        this.#alone--
        this.#host.wake()
      }
      this.sent(load, fabric, answer)
      answer.then(over, over)
    }
  }

  /** The connection is gone: what was not confirmed is sent again over the next one. */
  linkDown(): void {
    this.#again = [...this.#inFlight.keys(), ...this.#again]
    this.#inFlight.clear()
    this.#retry.stop()
    this.#retry.succeeded()
  }

  /** Resolves when every settle has ended. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.#checkIdle()
    })
  }

  /** Ends every settle with `error`. */
  close(error: SkeinError): void {
    this.#sweep.stop()
    this.#retry.stop()
    for (const load of [...this.#inFlight.keys(), ...this.#again]) fail(load, error)
    this.#book.forEach((waiter) => {
      waiter.failed(error)
    })
    this.#inFlight.clear()
    this.#again = []
    this.#book.clear()
    this.#checkIdle()
  }

  /** Whether this answer is the one to the load: then it waits for no other. */
  #isEnd(load: SettleLoad, fabric: FabricConnection, lost: SettleAnswer): boolean {
    const asked = this.#inFlight.get(load)
    if (asked === undefined) return this.#removeAgain(load)
    if (asked !== fabric && lost.length > 0) return false
    return this.#inFlight.delete(load)
  }

  #removeAgain(load: SettleLoad): boolean {
    const at = this.#again.indexOf(load)
    if (at >= 0) this.#again.splice(at, 1)
    return at >= 0
  }

  #refused(load: SettleLoad, fabric: FabricConnection, error: SkeinError): void {
    if (error._tag === "SessionUnknown") this.#host.sessionUnknown(fabric)
    if (error.retryable) {
      // Else it would have one fetch after the other refused with it.
      if (error._tag === "LimitExceeded") load.alone = true
      this.#again.push(load)
      this.#retry.later(this.#host.wake)
      return
    }
    fail(load, error)
    if (error._tag === "QueueNotFound" || error._tag === "Quarantined") this.#host.broken(error)
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (this.#idleWaiters.length === 0 || this.#inFlight.size > 0) return
    if (this.#again.length > 0 || !this.#book.isEmpty) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** Ends the waiting of what is over its time; the settle itself is still brought to the node. */
  #expire(isOver: IsOver): void {
    const look = (waiter: SettleWaiter): void => {
      if (!waiter.ended && isOver(waiter.deadlineMs)) waiter.expired()
    }
    for (const load of this.#inFlight.keys()) load.forEach(look)
    for (const load of this.#again) load.forEach(look)
    this.#book.forEach(look)
  }
}

const fail = (load: SettleLoad, error: SkeinError): void =>
  load.forEach((waiter) => {
    waiter.failed(error)
  })

const misanswered = (load: SettleLoad, lost: SettleAnswer): SkeinError =>
  skeinError("ProtocolError", `${lost.length} answers came to ${load.settles.length} settles`, {
    outcome: "unknown",
  })
