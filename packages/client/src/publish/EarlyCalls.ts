/**
 * Owns: publish calls made before the queue's address is known, in their order, each within its own
 * time, so that none overtakes another when the address arrives.
 */
import { limits, type QueuePolicy, type SkeinError, skeinError } from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import { abortedError, timedOutError } from "../Deadline.js"
import type { Runtime } from "../Runtime.js"
import type { PublishCall } from "./PublishCall.js"

interface Early {
  readonly call: PublishCall
  readonly signal: AbortSignal | undefined
  readonly forget: () => void
}

export class EarlyCalls {
  readonly #runtime: Runtime
  readonly #why: () => string
  readonly #early = new Set<Early>()
  #messages = 0

  constructor(runtime: Runtime, why: () => string) {
    this.#runtime = runtime
    this.#why = why
  }

  add(call: PublishCall, signal: AbortSignal | undefined): void {
    if (this.#messages + call.count > clientLimits.publishBufferMessages) {
      call.reject(skeinError("Overloaded", "too many messages wait for their queue's address"))
      return
    }
    this.#messages += call.count
    const expire = (): void =>
      end(timedOutError("publish", call.timeoutMs, "not sent", this.#why()))
    const cancel = this.#runtime.clock.setTimer(call.timeoutMs, expire)
    const onAbort = (): void => end(abortedError("publish", "not sent"))
    signal?.addEventListener("abort", onAbort, { once: true })
    const forget = (): void => {
      cancel()
      signal?.removeEventListener("abort", onAbort)
      this.#early.delete(early)
      this.#messages -= call.count
    }
    const end = (error: SkeinError): void => {
      forget()
      call.reject(error)
    }
    const early = { call, signal, forget }
    this.#early.add(early)
  }

  /** The address is known: hands on what its policy takes. */
  release(
    policy: QueuePolicy,
    accept: (call: PublishCall, signal: AbortSignal | undefined) => void,
  ): void {
    for (const { call, signal, forget } of [...this.#early]) {
      forget()
      const problem = tooLarge(call, policy)
      if (problem === undefined) accept(call, signal)
      else call.reject(problem)
    }
  }

  fail(error: SkeinError): void {
    for (const { call, forget } of [...this.#early]) {
      forget()
      call.reject(error)
    }
  }
}

const tooLarge = (call: PublishCall, policy: QueuePolicy): SkeinError | undefined => {
  for (let at = 0; at < call.count; at++) {
    const problem = bodyProblem(call.message(at).body, policy)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Why the queue would refuse `body`; before its policy is known, whether any queue would. */
export const bodyProblem = (
  body: Uint8Array,
  policy: QueuePolicy | undefined,
): SkeinError | undefined => {
  const bodyBytesMax = policy?.bodyBytesMax ?? limits.bodyBytesMax
  if (body.length <= bodyBytesMax) return undefined
  return skeinError(
    "BodyTooLarge",
    `the body has ${body.length} bytes packed, the queue takes ${bodyBytesMax}`,
    { bytes: body.length, bodyBytesMax },
  )
}
