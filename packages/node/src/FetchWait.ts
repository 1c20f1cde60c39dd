/**
 * Owns: one call of a fetch from its arrival to its answers. A repeat of the fetch is another call:
 * cancelling the older one (its connection is gone) does not touch the newer one.
 * Must not know: the queue.
 */
import { type Deferred, deferred } from "@skein/cluster"
import type { SkeinError } from "@skein/model"
import type { Fetch } from "@skein/queue"
import type { DeliveredRun, FetchCall, SettleAnswer } from "@skein/wire"

export class FetchWait implements FetchCall {
  /** In the mailbox, or known to the queue's state, or answered. */
  stage: "asked" | "ended" | "waiting" = "asked"
  /** If that came before the queue had seen it: its settles count, it leases nothing. */
  cancelled = false
  readonly key: string
  private readonly settling: Deferred<SettleAnswer> = deferred()
  private readonly delivering: Deferred<readonly DeliveredRun[]> = deferred()

  constructor(
    readonly command: Fetch,
    private readonly queue: { readonly cancelFetch: (wait: FetchWait) => void },
  ) {
    this.key = fetchKey(command.session, command.fetchNumber)
    // Both are rejected together, and nobody need be listening to both.
    this.settling.promise.catch(ignore)
    this.delivering.promise.catch(ignore)
  }

  get settled(): Promise<SettleAnswer> {
    return this.settling.promise
  }

  get delivered(): Promise<readonly DeliveredRun[]> {
    return this.delivering.promise
  }

  /** What was leased to it before is still delivered. */
  readonly cancel = (): void => {
    if (this.cancelled) return
    this.cancelled = true
    if (this.stage === "waiting") this.queue.cancelFetch(this)
  }

  settle(answer: SettleAnswer): void {
    this.settling.resolve(answer)
  }

  deliver(runs: Promise<readonly DeliveredRun[]> | readonly DeliveredRun[]): void {
    this.stage = "ended"
    // `resolve` takes a promise as well as its value.
    this.delivering.resolve(runs as readonly DeliveredRun[])
  }

  fail(error: SkeinError): void {
    this.stage = "ended"
    this.settling.reject(error)
    this.delivering.reject(error)
  }
}

export const fetchKey = (session: string, fetchNumber: number): string => `${session}${fetchNumber}`

const ignore = (): void => {}
