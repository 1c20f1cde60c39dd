/**
 * Owns: the fetches of one queue that wait for messages, by session and number. Of two calls of one
 * fetch the newer one waits. Nothing is held while nobody waits: most queues are idle.
 * Must not know: the queue.
 */
import type { SkeinError } from "@skein/model"
import type { FetchWait } from "./FetchWait.js"

export class WaitingFetches {
  private byKey: Map<string, FetchWait> | undefined

  get size(): number {
    return this.byKey?.size ?? 0
  }

  /** It waits from now on; the older call of the same fetch gets nothing. */
  begin(wait: FetchWait): void {
    this.byKey ??= new Map()
    this.byKey.get(wait.key)?.deliver([])
    wait.stage = "waiting"
    this.byKey.set(wait.key, wait)
  }

  /** Whether it is this call that waits. */
  has(wait: FetchWait): boolean {
    return this.byKey?.get(wait.key) === wait
  }

  /** Who waits under the key; nobody does afterwards. */
  take(key: string): FetchWait | undefined {
    const wait = this.byKey?.get(key)
    if (wait === undefined) return undefined
    this.byKey?.delete(key)
    if (this.byKey?.size === 0) this.byKey = undefined
    return wait
  }

  fail(wait: FetchWait, error: SkeinError): void {
    if (this.has(wait)) this.take(wait.key)
    wait.fail(error)
  }

  failAll(error: SkeinError): void {
    const waits = this.byKey
    this.byKey = undefined
    for (const wait of waits?.values() ?? []) wait.fail(error)
  }
}
