/**
 * Owns: one way to the fabric, kept open: it reconnects with backoff and jitter and tells its
 * users.
 * Must not know: what its users do with it.
 *
 * Order: a user hears `linkUp` once per connection, then `linkDown` once. After `linkClosed` it
 * hears nothing. Until the first connection stands, an error that no retry can help ends the link;
 * later ones are only remembered, because a node that restarts with a wrong setting may be put
 * right.
 */
import { isSkeinError, type SkeinError, skeinError } from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import type { CallLife } from "../Deadline.js"
import { Deferred, ignore } from "../Deferred.js"
import { backoffMs, type Runtime } from "../Runtime.js"
import type { FabricConnection, OpenFabric } from "./FabricConnection.js"

export interface LinkUser {
  readonly linkUp: (fabric: FabricConnection) => void
  readonly linkDown: () => void
  readonly linkClosed: (error: SkeinError) => void
}

const reconnectBounds = {
  minMs: clientLimits.reconnectDelayMinMs,
  maxMs: clientLimits.reconnectDelayMaxMs,
}

export class FabricLink {
  /** The open connection; undefined while there is none. */
  fabric: FabricConnection | undefined
  /** Why there is no connection, when that is known. */
  lastError: SkeinError | undefined
  /** Set once the link will never be up again. */
  closedBy: SkeinError | undefined
  readonly #runtime: Runtime
  readonly #openFabric: OpenFabric
  readonly #users = new Set<LinkUser>()
  readonly #abort = new AbortController()
  readonly #waiters = new Set<Deferred<FabricConnection>>()
  #wasUp = false
  #upSinceMs = 0
  #attempt = 0
  #cancelRetry: () => void = ignore

  constructor(runtime: Runtime, openFabric: OpenFabric) {
    this.#runtime = runtime
    this.#openFabric = openFabric
    this.#open()
  }

  /** Tells `user` of every change from now on, and of the present connection at once. */
  attach(user: LinkUser): () => void {
    this.#users.add(user)
    if (this.fabric !== undefined) user.linkUp(this.fabric)
    if (this.closedBy !== undefined) user.linkClosed(this.closedBy)
    return () => this.#users.delete(user)
  }

  /** The open connection, now or as soon as there is one. Rejects when the link closes. */
  whenUp(life: CallLife): Promise<FabricConnection> {
    if (this.fabric !== undefined) return Promise.resolve(this.fabric)
    if (this.closedBy !== undefined) return Promise.reject(this.closedBy)
    const waiter = new Deferred<FabricConnection>()
    this.#waiters.add(waiter)
    life.onEnd(() => this.#waiters.delete(waiter))
    return waiter.promise
  }

  /** Ends the link for good; again and late: harmless. */
  async close(error = skeinError("FabricClosed", "the client was closed")): Promise<void> {
    if (this.closedBy !== undefined) return
    const fabric = this.fabric
    this.#end(error)
    if (fabric !== undefined) await fabric.close()
  }

  #end(error: SkeinError): void {
    this.closedBy = error
    this.fabric = undefined
    this.#cancelRetry()
    this.#abort.abort()
    for (const waiter of this.#waiters) waiter.reject(error)
    this.#waiters.clear()
    for (const user of [...this.#users]) user.linkClosed(error)
    this.#users.clear()
  }

  #open(): void {
    this.#openFabric(this.#abort.signal).then(
      (fabric) => this.#opened(fabric),
      (error: unknown) => this.#failed(asSkeinError(error)),
    )
  }

  #opened(fabric: FabricConnection): void {
    if (this.closedBy !== undefined) {
      fabric.close().catch(ignore)
      return
    }
    this.fabric = fabric
    this.#wasUp = true
    this.#upSinceMs = this.#runtime.clock.monotonicMs()
    this.lastError = undefined
    fabric.closed.then((error) => this.#lost(fabric, error))
    for (const waiter of this.#waiters) waiter.resolve(fabric)
    this.#waiters.clear()
    for (const user of [...this.#users]) user.linkUp(fabric)
  }

  #lost(fabric: FabricConnection, error: SkeinError): void {
    if (this.fabric !== fabric || this.closedBy !== undefined) return
    this.fabric = undefined
    this.lastError = error
    if (error._tag === "FabricClosed") {
      this.#end(error)
      return
    }
    const lastedMs = this.#runtime.clock.monotonicMs() - this.#upSinceMs
    if (lastedMs >= clientLimits.connectionGoodAfterMs) this.#attempt = 0
    for (const user of [...this.#users]) user.linkDown()
    this.#retry()
  }

  #failed(error: SkeinError): void {
    if (this.closedBy !== undefined) return
    this.lastError = error
    if (error._tag === "FabricClosed" || (!this.#wasUp && !error.retryable)) this.#end(error)
    else this.#retry()
  }

  #retry(): void {
    const delayMs = backoffMs(this.#runtime.random, this.#attempt, reconnectBounds)
    this.#attempt++
    this.#cancelRetry = this.#runtime.clock.setTimer(delayMs, () => this.#open())
  }
}

/** What a port rejects with is a SkeinError; anything else is a fault and says so. */
export const asSkeinError = (error: unknown): SkeinError =>
  isSkeinError(error)
    ? error
    : skeinError(
        "InternalError",
        error instanceof Error ? error.message : String(error),
        {},
        {
          cause: error,
        },
      )
