/**
 * Owns: the sessions of this node: each with a lease that any request renews, and the queues that
 * may hold something for it. A session is bound to no connection.
 * Must not know: what queues do when a session ends. One timer while there are sessions, none else.
 *
 * When the node has its most, a new session takes the place of another: of the oldest that was
 * never used, else of those that were silent for `limits.sessionSilentAfterMs`, which no client of
 * ours ever is. So a client that opens connections and sessions again and again, with leases of
 * hours, pushes out its own. A bound by address or token would not do: on a host all share both,
 * and one of them would lock the others out.
 */

import { type Clock, limits, type SessionId, skeinError } from "@skein/model"
import type { SessionLease } from "@skein/queue"

/** Somebody who holds something for a session. */
export interface SessionHolder {
  /** It has ended and holds nothing any more. */
  readonly isClosed: boolean
  readonly endSession: (session: SessionId, reason: "closed" | "lost") => void
}

interface Session {
  leaseMs: number
  untilMs: number
  readonly holders: Set<SessionHolder>
  /** Something was done in its name. */
  used: boolean
  /** When there are so many holders, the closed ones among them are dropped. */
  pruneAt: number
}

const pruneAtFirst = 16

export class Sessions {
  private readonly sessions = new Map<SessionId, Session>()
  /** Those never used, oldest first. */
  private readonly unused = new Set<SessionId>()
  private nextEvictionMs = 0
  private cancelSweep: (() => void) | undefined

  constructor(
    private readonly clock: Clock,
    /** Asked before a session is found lost: a stall of the node is made known first. */
    private readonly noticeStall: () => void,
    private readonly sessionsMax: number = limits.sessionsPerNodeMax,
  ) {}

  get count(): number {
    return this.sessions.size
  }

  /** Opens the session, or renews it. */
  open(id: SessionId, leaseMs: number): void {
    const session = this.sessions.get(id)
    if (session === undefined && this.sessions.size >= this.sessionsMax && !this.evict()) {
      const max = this.sessionsMax
      throw skeinError("LimitExceeded", `a node has at most ${max} sessions`, { max })
    }
    const untilMs = this.clock.monotonicMs() + leaseMs
    if (session === undefined) {
      const holders = new Set<SessionHolder>()
      this.sessions.set(id, { leaseMs, untilMs, holders, used: false, pruneAt: pruneAtFirst })
      this.unused.add(id)
    } else {
      session.leaseMs = leaseMs
      session.untilMs = untilMs
    }
    this.sweepLater()
  }

  /** Renews the session; throws SessionUnknown. */
  renew(id: SessionId): void {
    this.known(id)
  }

  /** Renews the session and notes that `holder` may hold something for it. */
  use(id: SessionId, holder: SessionHolder): void {
    const session = this.known(id)
    const { holders } = session
    if (!session.used) {
      session.used = true
      this.unused.delete(id)
    }
    holders.add(holder)
    if (holders.size < session.pruneAt) return
    for (const other of holders) if (other.isClosed) holders.delete(other)
    session.pruneAt = Math.max(pruneAtFirst, holders.size * 2)
  }

  /** How long the session lasts without a further sign of it. */
  leaseOf(id: SessionId): SessionLease | undefined {
    const session = this.sessions.get(id)
    if (session === undefined) return undefined
    const remainingMs = session.untilMs - this.clock.monotonicMs()
    return { leaseMs: session.leaseMs, remainingMs }
  }

  /**
   * A shard came here by a planned move, and `holder` holds something for the session, which its
   * client has yet to open here. Without room it is left out: its leases run out by themselves.
   */
  adopt(id: SessionId, { leaseMs, remainingMs }: SessionLease, holder: SessionHolder): void {
    const session = this.sessions.get(id)
    if (session !== undefined) {
      session.holders.add(holder)
      return
    }
    if (this.sessions.size >= this.sessionsMax && !this.evict()) return
    const untilMs = this.clock.monotonicMs() + Math.max(remainingMs, limits.movedLeaseMinMs)
    const holders = new Set([holder])
    this.sessions.set(id, { leaseMs, untilMs, holders, used: true, pruneAt: pruneAtFirst })
    this.sweepLater()
  }

  close(id: SessionId): void {
    this.end(id, "closed")
  }

  /** A shard was closed: its queues' state must not be kept by the sessions that used them. */
  forgetClosed(): void {
    for (const { holders } of this.sessions.values()) {
      for (const holder of holders) if (holder.isClosed) holders.delete(holder)
    }
  }

  /** The node stood still: no session pays for that. */
  stalled(stallMs: number): void {
    for (const session of this.sessions.values()) session.untilMs += stallMs
  }

  stop(): void {
    this.cancelSweep?.()
    this.cancelSweep = undefined
  }

  private known(id: SessionId): Session {
    const session = this.sessions.get(id)
    if (session === undefined) {
      throw skeinError("SessionUnknown", "the session was never opened here, or its lease ran out")
    }
    session.untilMs = this.clock.monotonicMs() + session.leaseMs
    return session
  }

  private end(id: SessionId, reason: "closed" | "lost"): void {
    const session = this.sessions.get(id)
    if (session === undefined) return
    this.sessions.delete(id)
    this.unused.delete(id)
    for (const holder of session.holders) holder.endSession(id, reason)
  }

  /** Makes room for a new session; `false`: all are in use. */
  private evict(): boolean {
    for (const id of this.unused) {
      this.end(id, "lost")
      return true
    }
    const nowMs = this.clock.monotonicMs()
    // Looking through all of them costs milliseconds: not at each try.
    if (nowMs < this.nextEvictionMs) return false
    this.nextEvictionMs = nowMs + sweepEveryMs
    this.noticeStall()
    for (const [id, session] of this.sessions) {
      const silentMs = nowMs - (session.untilMs - session.leaseMs)
      if (silentMs >= limits.sessionSilentAfterMs) this.end(id, "lost")
    }
    return this.sessions.size < this.sessionsMax
  }

  private sweepLater(): void {
    if (this.cancelSweep !== undefined || this.sessions.size === 0) return
    this.cancelSweep = this.clock.setTimer(sweepEveryMs, () => {
      this.cancelSweep = undefined
      this.noticeStall()
      const nowMs = this.clock.monotonicMs()
      for (const [id, session] of this.sessions) if (session.untilMs <= nowMs) this.end(id, "lost")
      this.sweepLater()
    })
  }
}

const sweepEveryMs = 500
