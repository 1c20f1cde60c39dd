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
import { asSkeinError, type SkeinError, skeinError } from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import type { CallLife } from "../Deadline.js"
import { Deferred, ignore } from "../Deferred.js"
import { backoffMs, type Runtime } from "../Runtime.js"
import type { FabricConnection, Link, LinkUser } from "./FabricConnection.js"

const reconnectBounds = {
  minMs: clientLimits.reconnectDelayMinMs,
  maxMs: clientLimits.reconnectDelayMaxMs,
}

export interface FabricLinkOptions {
  readonly open: (signal: AbortSignal) => Promise<FabricConnection>
  /** Whether the link ends by `error`; `wasUp`: it has been up before. */
  readonly endsBy?: (error: SkeinError, wasUp: boolean) => boolean
}

/** The only way there is: gone with its fabric, or when the first attempt is hopeless. */
const endsAlone = (error: SkeinError, wasUp: boolean): boolean =>
  error._tag === "FabricClosed" || (!wasUp && !error.retryable)

export class FabricLink implements Link {
  /** The open connection; undefined while there is none. */
  fabric: FabricConnection | undefined
  /** Why there is no connection, when that is known. */
  lastError: SkeinError | undefined
  /** Set once the link will never be up again. */
  closedBy: SkeinError | undefined
  readonly #runtime: Runtime
  readonly #options: FabricLinkOptions
  readonly #users = new Set<LinkUser>()
  readonly #abort = new AbortController()
  readonly #waiters = new Set<Deferred<FabricConnection>>()
  #wasUp = false
  #upSinceMs = 0
  #attempt = 0
  #cancelRetry: (() => void) | undefined

  constructor(runtime: Runtime, options: FabricLinkOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#open()
  }

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
  async close(
    error: SkeinError = skeinError("FabricClosed", "the client was closed"),
  ): Promise<void> {
    if (this.closedBy !== undefined) return
    const fabric = this.fabric
    this.#end(error)
    if (fabric !== undefined) await fabric.close()
  }

  /** Something has changed: tries now instead of after the backoff. */
  retryNow(): void {
    if (this.#cancelRetry === undefined) return
    this.#stopRetry()
    this.#attempt = 0
    this.#open()
  }

  /** Gives the present connection up, because of `error`, and opens another at once. */
  renew(error: SkeinError): void {
    const { fabric } = this
    if (fabric === undefined) return
    this.#lost(fabric, error)
    fabric.close().catch(ignore)
    this.retryNow()
  }

  #end(error: SkeinError): void {
    this.closedBy = error
    this.fabric = undefined
    this.#stopRetry()
    this.#abort.abort()
    for (const waiter of this.#waiters) waiter.reject(error)
    this.#waiters.clear()
    for (const user of [...this.#users]) user.linkClosed(error)
    this.#users.clear()
  }

  #open(): void {
    this.#options.open(this.#abort.signal).then(
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
    // What one user does about it may detach another, or give this connection up.
    for (const user of [...this.#users]) {
      if (this.fabric === fabric && this.#users.has(user)) user.linkUp(fabric)
    }
  }

  #lost(fabric: FabricConnection, error: SkeinError): void {
    if (this.fabric !== fabric || this.closedBy !== undefined) return
    this.fabric = undefined
    this.lastError = error
    if (this.#endsBy(error)) {
      this.#end(error)
      return
    }
    const lastedMs = this.#runtime.clock.monotonicMs() - this.#upSinceMs
    if (lastedMs >= clientLimits.connectionGoodAfterMs) this.#attempt = 0
    for (const user of [...this.#users]) if (this.#users.has(user)) user.linkDown()
    this.#retry()
  }

  #failed(error: SkeinError): void {
    if (this.closedBy !== undefined) return
    this.lastError = error
    if (this.#endsBy(error)) {
      this.#end(error)
      return
    }
    this.#retry()
    for (const user of [...this.#users]) if (this.#users.has(user)) user.linkFailed?.()
  }

  #endsBy(error: SkeinError): boolean {
    return (this.#options.endsBy ?? endsAlone)(error, this.#wasUp)
  }

  #retry(): void {
    const delayMs = backoffMs(this.#runtime.random, this.#attempt, reconnectBounds)
    this.#attempt++
    this.#cancelRetry = this.#runtime.clock.setTimer(delayMs, () => {
      this.#cancelRetry = undefined
      this.#open()
    })
  }

  #stopRetry(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }
}
