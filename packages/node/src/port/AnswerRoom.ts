/**
 * Owns: how much memory the answers of one connection may take up while they are prepared. An
 * answer is bounded only once it waits to be sent; without this, thousands of small requests could
 * make a node read gigabytes before the first of them is there.
 *
 * A fetch takes part of what is left and is asked for no more than its part: none is refused, and
 * one that waits for messages keeps nobody from anything but size. A peek or a list, whose answer
 * cannot be made smaller, waits for its turn.
 *
 * Interleaving: whoever waits may be dropped meanwhile; it then answers `false` and takes nothing.
 */
import { limits, SkeinError } from "@skein/model"
import { decodeRpcCall } from "@skein/wire"
import type { Budget } from "./Budget.js"

/** What a fetch may always ask for, so that many of them go on in small steps. */
const leastBytes = 16 * 1024
/** Of what the node has left, one fetch takes no more than this part: others find some too. */
const nodeShare = 4

interface Waiting {
  readonly bytes: number
  /** `false`: nobody waits for it any more. */
  readonly begin: () => boolean
}

export class AnswerRoom {
  readonly #budget: Budget
  readonly #bytesMax: number
  readonly #waiting: Waiting[] = []
  #bytes = 0
  #awaitsNode = false
  #closed = false

  constructor(budget: Budget, bytesMax: number) {
    this.#budget = budget
    this.#bytesMax = bytesMax
  }

  /** Takes `wanted` bytes or what there is of them; the answer says how much. */
  take(wanted: number): number {
    const free = Math.min(this.#bytesMax - this.#bytes, this.#budget.answerBytesFree / nodeShare)
    const taken = Math.min(wanted, Math.max(leastBytes, Math.floor(free)))
    this.#enter(taken)
    return taken
  }

  /** Calls `begin` when there is room for `bytes`, at once if there is; in order. */
  whenFree(bytes: number, begin: () => boolean): void {
    this.#waiting.push({ bytes, begin })
    this.#next()
  }

  leave(bytes: number): void {
    this.#bytes -= bytes
    this.#budget.endAnswer(bytes)
    this.#next()
  }

  close(): void {
    this.#closed = true
    this.#waiting.length = 0
  }

  #enter(bytes: number): void {
    this.#bytes += bytes
    this.#budget.beginAnswer(bytes)
  }

  #next(): void {
    while (!this.#closed && this.#waiting.length > 0) {
      const [{ bytes, begin }] = this.#waiting
      if (this.#bytes > 0 && this.#bytes + bytes > this.#bytesMax) return
      if (this.#budget.answerBytes > 0 && bytes > this.#budget.answerBytesFree) {
        this.#awaitNode()
        return
      }
      this.#waiting.shift()
      this.#enter(bytes)
      if (!begin()) this.leave(bytes)
    }
  }

  #awaitNode(): void {
    if (this.#awaitsNode) return
    this.#awaitsNode = true
    this.#budget.whenAnswered(() => {
      this.#awaitsNode = false
      this.#next()
    })
  }
}

const heavyCalls = ["list", "peek", "readBackup"]

/** Whether an admin call may have an answer of megabytes. One that is malformed has a small one. */
export const heavyCall = (payload: Uint8Array): boolean => {
  // Whoever sends more than this asks for no peek: names are short.
  if (payload.length > limits.helloBytesMax) return false
  const call = decodeRpcCall(payload)
  return !(call instanceof SkeinError) && heavyCalls.includes(call.call)
}
