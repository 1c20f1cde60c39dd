/**
 * Owns: a session with the fabric: 128 random bits, kept over reconnects, renewed while somebody
 * consumes under it, replaced by a new one when the node no longer knows it.
 * A session numbers its fetches per queue, so at most one consumer of a queue uses a keeper.
 */
import { type Generation, limits, type SessionId } from "@skein/model"
import { ignore } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import type { FabricLink } from "../link/FabricLink.js"
import { type Runtime, randomHex128 } from "../Runtime.js"

const sessionLeaseMs = limits.sessionLeaseDefaultMs

export class Session {
  readonly id: SessionId
  /** The number of the next fetch, by queue. */
  readonly #numbers = new Map<Generation, number>()
  #opening: Promise<void> | undefined
  #isOpen = false

  constructor(id: SessionId) {
    this.id = id
  }

  /** Opens it once; a failed opening is tried again by the next caller. */
  open(fabric: FabricConnection): Promise<void> {
    this.#opening ??= fabric.broker.openSession(this.id, sessionLeaseMs).then(
      () => {
        this.#isOpen = true
      },
      (error: unknown) => {
        this.#opening = undefined
        throw error
      },
    )
    return this.#opening
  }

  /** `undefined`: it is open and needs no wait. */
  openedNow(fabric: FabricConnection): Promise<void> | undefined {
    return this.#isOpen ? undefined : this.open(fabric)
  }

  nextNumber(queue: Generation): number {
    const number = this.#numbers.get(queue) ?? 1
    this.#numbers.set(queue, number + 1)
    return number
  }
}

export class SessionKeeper {
  session: Session
  readonly #queues = new Set<Generation>()
  readonly #runtime: Runtime
  readonly #link: FabricLink
  #cancelRenewal: () => void = ignore

  constructor(runtime: Runtime, link: FabricLink) {
    this.#runtime = runtime
    this.#link = link
    this.session = new Session(randomHex128(runtime.random))
  }

  /** `false`: a consumer of this queue is here already. */
  enter(queue: Generation): boolean {
    if (this.#queues.has(queue)) return false
    this.#queues.add(queue)
    if (this.#queues.size === 1) this.#renewLater()
    return true
  }

  leave(queue: Generation): void {
    this.#queues.delete(queue)
    if (this.#queues.size === 0) this.#cancelRenewal()
  }

  /** The session to use instead of one that the node does not know. */
  replace(unknown: Session): Session {
    if (this.session === unknown) this.session = new Session(randomHex128(this.#runtime.random))
    return this.session
  }

  /** Stops renewing and gives back what the session still holds. */
  async close(): Promise<void> {
    this.#cancelRenewal()
    await this.#link.fabric?.broker.closeSession(this.session.id)
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#runtime.clock.setTimer(sessionLeaseMs / 3, () => {
      this.#link.fabric?.broker.openSession(this.session.id, sessionLeaseMs).catch(ignore)
      this.#renewLater()
    })
  }
}
