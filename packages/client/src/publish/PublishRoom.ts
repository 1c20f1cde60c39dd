/**
 * Owns: how much a publisher holds in memory for its callers, the bounds of that, and who waits
 * until there is room again or until nothing is held.
 */
import { type SkeinError, skeinError } from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import { Deferred } from "../Deferred.js"
import type { PublishCall } from "./PublishCall.js"

export class PublishRoom {
  #messages = 0
  #bytes = 0
  readonly #roomWaiters: Deferred<void>[] = []
  readonly #idleWaiters: Deferred<void>[] = []

  /** Counts an accepted call until `release`; Overloaded, uncounted, beyond the hard bounds. */
  take(call: PublishCall): SkeinError | undefined {
    const messages = this.#messages + call.count
    const bytes = this.#bytes + call.bytes
    if (
      messages > clientLimits.publishBufferMessagesMax ||
      bytes > clientLimits.publishBufferBytesMax
    ) {
      const held = { messages: this.#messages, bytes: this.#bytes }
      const detail = "too many messages wait to be published: await room() between"
      return skeinError("Overloaded", detail, held)
    }
    this.#messages = messages
    this.#bytes = bytes
    return undefined
  }

  /** `wake` must follow, once for all that is released together. */
  release(call: PublishCall): void {
    this.#messages -= call.count
    this.#bytes -= call.bytes
  }

  wake(): void {
    if (this.#roomWaiters.length > 0 && this.#hasRoom()) {
      for (const waiter of this.#roomWaiters.splice(0)) waiter.resolve()
    }
    if (this.#idleWaiters.length > 0 && this.#messages === 0) {
      for (const waiter of this.#idleWaiters.splice(0)) waiter.resolve()
    }
  }

  /** Resolves as soon as less than the soft bound is held. */
  room(): Promise<void> {
    return this.#hasRoom() ? Promise.resolve() : waitIn(this.#roomWaiters)
  }

  /** Resolves when nothing is held. */
  idle(): Promise<void> {
    return this.#messages === 0 ? Promise.resolve() : waitIn(this.#idleWaiters)
  }

  #hasRoom(): boolean {
    return (
      this.#messages <= clientLimits.publishBufferMessages &&
      this.#bytes <= clientLimits.publishBufferBytes
    )
  }
}

const waitIn = (waiters: Deferred<void>[]): Promise<void> => {
  const waiter = new Deferred<void>()
  waiters.push(waiter)
  return waiter.promise
}
