/**
 * Owns: the one commit in flight of a node, and the turns of its shard hosts. While a commit is in
 * flight the next records gather; when it is answered the next one starts at once.
 * Must not know: what is in the records.
 *
 * Turns run on a later turn of the event loop (`clock.defer`), so that all requests which arrived
 * together are decided together. A turn works at most `limits.batchWorkMaxMs` over all hosts and
 * then lets I/O in; a host with work left goes behind the others.
 * A host that throws is closed and opened again by its supervisor; the others go on.
 * Shutdown: `drain` waits until a host is idle. Long polls do not hinder it: they wait in the
 * actors, not in a record.
 */
import { type CommitResult, type Journal, noFailpoints, type ShardAppend } from "@skein/journal"
import { type Clock, limits, skeinError } from "@skein/model"
import { hostFault } from "./hostErrors.js"
import type { ShardHost } from "./ShardHost.js"

export class GroupCommit {
  private readonly awake = new Set<ShardHost>()
  private readonly waiting = new Set<ShardHost>()
  private readonly draining: { readonly host: ShardHost; readonly done: () => void }[] = []
  private turnIsSet = false
  private inFlight = false

  constructor(
    private readonly journal: Journal,
    private readonly clock: Clock,
  ) {}

  readonly wake = (host: ShardHost): void => {
    this.awake.add(host)
    this.setTurn()
  }

  readonly commitSoon = (host: ShardHost): void => {
    this.waiting.add(host)
    this.setTurn()
  }

  /** Resolves when nothing of the host is decided and not yet durable, or it is closed. */
  drain(host: ShardHost): Promise<void> {
    return new Promise((done) => {
      this.draining.push({ host, done })
      this.setTurn()
    })
  }

  private setTurn(): void {
    if (this.turnIsSet) return
    this.turnIsSet = true
    this.clock.defer(() => {
      this.turnIsSet = false
      this.turn()
    })
  }

  private turn(): void {
    let nowMs = this.clock.monotonicMs()
    const deadlineMs = nowMs + limits.batchWorkMaxMs
    for (const host of this.awake) {
      this.awake.delete(host)
      if (guarded(host, () => host.turn(deadlineMs))) this.wake(host)
      nowMs = this.worked(host, nowMs)
      if (nowMs >= deadlineMs) break
    }
    if (this.awake.size > 0) this.setTurn()
    this.commit(nowMs)
    this.answerDrained()
  }

  /** Answers the time at which it has taken the hosts' records; `nowMs` is that of the call. */
  private commit(nowMs: number): number {
    if (this.inFlight || this.waiting.size === 0) return nowMs
    const hosts: ShardHost[] = []
    const batch: ShardAppend[] = []
    let doneMs = nowMs
    for (const host of this.waiting) {
      const append = guarded(host, () => host.take())
      doneMs = this.worked(host, doneMs)
      if (append === undefined) continue
      hosts.push(host)
      batch.push(append)
    }
    this.waiting.clear()
    if (batch.length === 0) return doneMs
    this.inFlight = true
    this.send(batch).then(
      (results) => this.answered(hosts, results),
      (cause) => this.answered(hosts, [], cause),
    )
    return doneMs
  }

  /** The journal never rejects; one that does, or throws, is taken to have refused all. */
  private send(batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> {
    try {
      return this.journal.commit(batch)
    } catch (cause) {
      return Promise.reject(cause)
    }
  }

  private answered(
    hosts: readonly ShardHost[],
    results: readonly CommitResult[],
    cause?: unknown,
  ): void {
    this.inFlight = false
    let nowMs = this.clock.monotonicMs()
    for (let at = 0; at < hosts.length; at++) {
      const host = hosts[at]
      guarded(host, () => host.stored(results[at] ?? unanswered(host, cause)))
      nowMs = this.worked(host, nowMs)
    }
    // The next commit goes to the disk first; its sync runs while these answers are sent.
    nowMs = this.commit(nowMs)
    for (const host of hosts) {
      guarded(host, () => host.answer(nowMs))
      nowMs = this.worked(host, nowMs)
    }
    const { failpoints = noFailpoints } = this.journal
    failpoints.hit("commit.answered")
    this.answerDrained()
  }

  /** The thread has worked for the host since then; answers the time now. */
  private worked(host: ShardHost, sinceMs: number): number {
    const nowMs = this.clock.monotonicMs()
    host.meter.busyMs += nowMs - sinceMs
    return nowMs
  }

  private answerDrained(): void {
    for (let at = this.draining.length - 1; at >= 0; at--) {
      const { host, done } = this.draining[at]
      if (host.isOpen && !host.idle) continue
      this.draining.splice(at, 1)
      done()
    }
  }
}

/** Runs a step of the host. A fault ends this host only: its state cannot be trusted any more. */
const guarded = <A>(host: ShardHost, step: () => A): A | undefined => {
  try {
    return step()
  } catch (cause) {
    host.closed(hostFault(cause))
    return undefined
  }
}

const unanswered = (host: ShardHost, cause: unknown): CommitResult => ({
  _tag: "Refused",
  shard: host.shard,
  error: skeinError("InternalError", `a commit had no answer: ${String(cause)}`, {}, { cause }),
})
