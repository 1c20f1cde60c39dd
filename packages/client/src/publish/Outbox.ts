/**
 * Owns: the calls of one queue in their order, and how frames are cut from them. Frames aim at
 * `limits.frameBytesAim`; one frame may gather many calls, one call may span many frames.
 * Must not know: links, promises' outcomes, clocks.
 */
import { invariant, limits } from "@skein/model"
import { encodeFrame, type FrameMessage } from "@skein/wire"
import { frameCost } from "../codec/FrameIndex.js"
import { OutFrame } from "./OutFrame.js"
import type { PublishCall } from "./PublishCall.js"

export class Outbox {
  #calls: PublishCall[] = []
  #head = 0
  /** Calls that ended here and are still held. */
  #dead = 0
  /** Of what no frame holds yet, ended calls included until they are passed over. */
  messages = 0
  bytes = 0

  push(call: PublishCall): void {
    this.#calls.push(call)
    this.messages += call.count - call.next
    this.bytes += call.bytes
  }

  /** A frame's worth or more is waiting. */
  get hasFullFrame(): boolean {
    return this.bytes >= limits.frameBytesAim || this.messages >= limits.frameMessagesMax
  }

  /** Cuts the next frame, of at most `callsMax` calls; `undefined` when nothing waits. */
  take(callsMax: number): OutFrame | undefined {
    const frame = new OutFrame()
    const messages: FrameMessage[] = []
    let bytes = 0
    while (this.#head < this.#calls.length && frame.calls.length < callsMax) {
      const call = this.#calls[this.#head]
      if (call.done) {
        this.#pass(call)
        continue
      }
      const from = call.next
      const filled = this.#fill(call, messages, bytes)
      if (call.next > from) {
        bytes = filled
        frame.calls.push(call)
        frame.froms.push(from)
        frame.counts.push(call.next - from)
      }
      if (call.next < call.count) break
      this.#pass(call)
    }
    if (messages.length === 0) return undefined
    frame.bytes = encodeFrame(messages)
    frame.count = messages.length
    return frame
  }

  /** Puts the messages of frames that the node refused back, in their order, before all others. */
  putBack(frames: readonly OutFrame[]): void {
    const back: PublishCall[] = []
    for (const frame of frames) {
      for (let at = 0; at < frame.calls.length; at++) {
        const call = frame.calls[at]
        // A later part of a call that is already put back from an earlier one.
        if (call.done || back[back.length - 1] === call) continue
        this.#restore(call, frame.froms[at])
        back.push(call)
      }
    }
    this.#calls = back.concat(this.#calls.slice(this.#head))
    this.#head = 0
  }

  /** Every call that is not over and has messages here. */
  waiting(): readonly PublishCall[] {
    const calls: PublishCall[] = []
    for (let at = this.#head; at < this.#calls.length; at++) {
      if (!this.#calls[at].done) calls.push(this.#calls[at])
    }
    return calls
  }

  /**
   * `call` has ended, here or elsewhere. What ends here is let go of when it is more than half of
   * all, so that nothing but time is needed to free it, and each call is moved but a few times.
   */
  ended(call: PublishCall): void {
    if (call.next < call.count) this.#dead++
    if (2 * this.#dead <= this.#calls.length - this.#head) return
    const alive: PublishCall[] = []
    for (let at = this.#head; at < this.#calls.length; at++) {
      const one = this.#calls[at]
      if (one.done) this.#forget(one)
      else alive.push(one)
    }
    this.#calls = alive
    this.#head = 0
  }

  #restore(call: PublishCall, from: number): void {
    if (call === this.#calls[this.#head]) {
      // Its rest still waits at the head: it is counted there already.
      this.messages -= call.count - call.next
      this.bytes -= call.bytes
      this.#head++
    }
    call.next = from
    this.messages += call.count - from
    this.bytes += call.bytes
  }

  #fill(call: PublishCall, messages: FrameMessage[], bytesBefore: number): number {
    let bytes = bytesBefore
    while (call.next < call.count && messages.length < limits.frameMessagesMax) {
      const message = call.message(call.next)
      const cost = frameCost(message)
      if (messages.length > 0 && bytes + cost > limits.frameBytesAim) break
      messages.push(message)
      bytes += cost
      call.next++
      this.messages--
    }
    return bytes
  }

  #forget(call: PublishCall): void {
    this.messages -= call.count - call.next
    this.bytes -= call.bytes
    if (call.next < call.count) this.#dead--
    invariant(
      this.messages >= 0 && this.bytes >= 0 && this.#dead >= 0,
      "an outbox holds no less than nothing",
    )
  }

  #pass(call: PublishCall): void {
    this.#forget(call)
    this.#head++
    // Amortized: each call is moved at most once per doubling of what was passed.
    if (this.#head === this.#calls.length) {
      this.#calls = []
      this.#head = 0
    } else if (this.#head > 1024 && this.#head * 2 > this.#calls.length) {
      this.#calls = this.#calls.slice(this.#head)
      this.#head = 0
    }
  }
}
