/**
 * Owns: a session with the fabric: 128 random bits, kept over reconnects and moves, opened on each
 * connection that it is used over, renewed while somebody consumes under it.
 * A session numbers its fetches per queue, so at most one consumer of a queue uses a keeper.
 *
 * Tricky: a session is a matter of each node, its id is not: a planned move carries leases under
 * it, and after a crash the new owner knows nothing of it. Opening it again answers neither case,
 * so whoever consumes asks for its leases afterwards (FetchPipeline.ts).
 */
import { type Generation, limits, type SessionId } from "@skein/model"
import { ignore } from "../Deferred.js"
import { type FabricConnection, type Link, rootOf } from "../link/FabricConnection.js"
import { type Runtime, randomHex128 } from "../Runtime.js"

const sessionLeaseMs = limits.sessionLeaseDefaultMs

export class Session {
  readonly id: SessionId
  /** The number of the next fetch, by queue. */
  readonly #numbers = new Map<Generation, number>()
  /** By open connection: its opening there. */
  readonly #openings = new Map<FabricConnection, Promise<void>>()

  constructor(id: SessionId) {
    this.id = id
  }

  /** Opens it once per connection; a failed opening is tried again by the next caller. */
  open(fabric: FabricConnection): Promise<void> {
    const root = rootOf(fabric)
    const there = this.#openings.get(root)
    if (there !== undefined) return there
    const opening = root.broker.openSession(this.id, sessionLeaseMs)
    this.#openings.set(root, opening)
    opening.catch(() => this.forget(root))
    root.closed.then(() => this.forget(root))
    return opening
  }

  /** The node behind this connection does not know it: the next caller opens it again. */
  forget(fabric: FabricConnection): void {
    this.#openings.delete(rootOf(fabric))
  }

  /** Gives back what it holds, at every node that it is open at. */
  async close(): Promise<void> {
    const closing = [...this.#openings.keys()].map(({ broker }) => broker.closeSession(this.id))
    await Promise.allSettled(closing)
  }

  nextNumber(queue: Generation): number {
    const number = this.#numbers.get(queue) ?? 1
    this.#numbers.set(queue, number + 1)
    return number
  }
}

export class SessionKeeper {
  readonly session: Session
  readonly #queues = new Map<Generation, Link>()
  readonly #runtime: Runtime
  #cancelRenewal: () => void = ignore

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.session = new Session(randomHex128(runtime.random))
  }

  /** `link`: the way to the queue. `false`: a consumer of this queue is here already. */
  enter(queue: Generation, link: Link): boolean {
    if (this.#queues.has(queue)) return false
    this.#queues.set(queue, link)
    if (this.#queues.size === 1) this.#renewLater()
    return true
  }

  leave(queue: Generation): void {
    this.#queues.delete(queue)
    if (this.#queues.size === 0) this.#cancelRenewal()
  }

  /** Stops renewing and gives back what the session still holds. */
  async close(): Promise<void> {
    this.#cancelRenewal()
    await this.session.close()
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#runtime.clock.setTimer(sessionLeaseMs / 3, () => {
      const roots = new Set<FabricConnection>()
      for (const { fabric } of this.#queues.values()) if (fabric) roots.add(rootOf(fabric))
      for (const root of roots) {
        root.broker.openSession(this.session.id, sessionLeaseMs).catch(ignore)
      }
      this.#renewLater()
    })
  }
}
