/**
 * Owns: the one commit in flight of a node, and the turns of its shard hosts. While a commit is in
 * flight the next records gather; when it is answered the next one starts at once.
 * Must not know: what is in the records.
 *
 * Turns run on a later turn of the event loop (`clock.defer`), so that all requests which arrived
 * together are decided together. A turn works at most `limits.batchWorkMaxMs` over all hosts and
 * then lets I/O in. Shutdown: `drain` waits until every host is idle.
 */
import type { CommitResult, Journal, ShardAppend } from "@skein/journal"
import { type Clock, limits, skeinError } from "@skein/model"
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

  /** Resolves when nothing of the host is decided and not yet durable. */
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
    const deadlineMs = this.clock.monotonicMs() + limits.batchWorkMaxMs
    for (const host of this.awake) {
      this.awake.delete(host)
      if (host.turn(deadlineMs)) this.wake(host)
      if (this.clock.monotonicMs() >= deadlineMs) break
    }
    if (this.awake.size > 0) this.setTurn()
    this.commit()
    this.answerDrained()
  }

  private commit(): void {
    if (this.inFlight || this.waiting.size === 0) return
    const hosts: ShardHost[] = []
    const batch: ShardAppend[] = []
    for (const host of this.waiting) {
      const append = host.take()
      if (append === undefined) continue
      hosts.push(host)
      batch.push(append)
    }
    this.waiting.clear()
    if (batch.length === 0) return
    this.inFlight = true
    this.journal.commit(batch).then(
      (results) => this.answered(hosts, results),
      (cause) =>
        this.answered(
          hosts,
          hosts.map((host) => refused(host, cause)),
        ),
    )
  }

  private answered(hosts: readonly ShardHost[], results: readonly CommitResult[]): void {
    this.inFlight = false
    for (let at = 0; at < hosts.length; at++) hosts[at].stored(results[at])
    // The next commit goes to the disk first; its sync runs while these answers are sent.
    this.commit()
    for (const host of hosts) host.answer()
    this.answerDrained()
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

const refused = (host: ShardHost, cause: unknown): CommitResult => ({
  _tag: "Refused",
  shard: host.shard,
  error: skeinError("InternalError", "the journal's commit threw", {}, { cause }),
})
