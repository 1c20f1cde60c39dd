/**
 * Owns: what waits for one actor: first come, first served, bounded in number and bytes.
 * An empty mailbox holds no array: thousands of idle queues cost nothing here.
 */
import { limits } from "@skein/model"

interface Entry<A> {
  readonly item: A
  readonly bytes: number
}

export class Mailbox<A> {
  private entries: Entry<A>[] | undefined
  private head = 0
  private bytes = 0

  get length(): number {
    return this.entries === undefined ? 0 : this.entries.length - this.head
  }

  /** `false`: full, nothing was put. */
  put(item: A, bytes: number): boolean {
    if (this.length >= limits.mailboxCommandsMax) return false
    if (this.bytes > 0 && this.bytes + bytes > limits.mailboxBytesMax) return false
    this.entries ??= []
    this.entries.push({ item, bytes })
    this.bytes += bytes
    return true
  }

  /** The node's own commands (ticks, ends of sessions): few, and never refused. */
  putAlways(item: A): void {
    this.entries ??= []
    this.entries.push({ item, bytes: 0 })
  }

  take(): A | undefined {
    if (this.entries === undefined) return undefined
    const entry = this.entries[this.head]
    this.head += 1
    this.bytes -= entry.bytes
    if (this.head === this.entries.length) {
      this.entries = undefined
      this.head = 0
    } else if (this.head >= 1024) {
      // Give back what was taken: shifting one by one would move the rest each time.
      this.entries = this.entries.slice(this.head)
      this.head = 0
    }
    return entry.item
  }

  drain(): readonly A[] {
    const rest = (this.entries ?? []).slice(this.head).map((entry) => entry.item)
    this.entries = undefined
    this.head = 0
    this.bytes = 0
    return rest
  }
}
