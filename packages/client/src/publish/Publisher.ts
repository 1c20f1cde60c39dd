/**
 * Owns: publishing to one queue under the producer contract of DESIGN.md section 6: gathering calls
 * into frames, frames in flight, resending after a reconnect, refusals and giving up.
 * Must not know: schemas, sockets.
 *
 * Gathering: what is published in one tick leaves at the end of that tick (no timer); while frames
 * are in flight, frames that are not full wait for an answer, so batches grow with the load.
 * Order: frames are answered in order or not at all. After any refusal nothing new is sent until
 * all answers are in (`#recover`): the lowest refused frame decides. What is known not to be stored
 * goes back to the outbox and is numbered again; what may be stored is sent again as it was.
 * Tricky: bytes of a broken connection may reach the node after the same frame was refused over the
 * next one, and a frame whose outcome the node did not know may be stored although its repeat is
 * refused. So a frame that may be stored never gives its number to other content; if it must be
 * dropped, the publisher goes on under a new producer id, and its callers hear that the outcome is
 * unknown.
 */
import { asSkeinError, limits, type QueueRef, type SkeinError, skeinError } from "@skein/model"
import type { PublishAnswer } from "@skein/wire"
import { clientLimits } from "../clientLimits.js"
import { abortedError, timedOutError } from "../Deadline.js"
import type { FabricConnection, Link, LinkUser } from "../link/FabricConnection.js"
import { Retry } from "../Retry.js"
import { type Runtime, randomHex128 } from "../Runtime.js"
import { type IsOver, Sweep } from "../Sweep.js"
import { confirmFrame } from "./confirmFrame.js"
import { judge, leavesOpen, surelyNotStored, type Verdict } from "./judge.js"
import { Outbox } from "./Outbox.js"
import type { OutFrame } from "./OutFrame.js"
import { outcomeOpen } from "./outcomeOpen.js"
import type { PublishCall } from "./PublishCall.js"
import { PublishRoom } from "./PublishRoom.js"

const retryBounds = {
  minMs: clientLimits.publishRetryDelayMinMs,
  maxMs: clientLimits.publishRetryDelayMaxMs,
}

export class Publisher implements LinkUser {
  /** Of what is accepted and not ended. */
  readonly #room = new PublishRoom()
  readonly #runtime: Runtime
  readonly #link: Link
  readonly #queue: QueueRef
  readonly #outbox = new Outbox()
  readonly #onGone: (() => void)[] = []
  /** In the order of their numbers. */
  #frames: OutFrame[] = []
  #producer: string
  #nextNumber = 1
  #fabric: FabricConnection | undefined
  #flushing = false
  #recovering = false
  readonly #retry: Retry
  #closedBy: SkeinError | undefined
  /** While a refused frame is halved to find the call at fault: calls left of it, calls a frame. */
  #splitCalls = 0
  #splitSize = 0
  readonly #sweep: Sweep
  readonly #detach: () => void

  constructor(runtime: Runtime, link: Link, queue: QueueRef, producer: string, onGone: () => void) {
    this.#runtime = runtime
    this.#retry = new Retry(runtime, retryBounds)
    this.#sweep = new Sweep(runtime.clock, (isOver) => this.#expire(isOver))
    this.#link = link
    this.#queue = queue
    this.#producer = producer
    this.#onGone.push(onGone)
    this.#detach = link.attach(this)
  }

  /** Takes a call; it ends by itself. Overloaded at once when the buffer is beyond its bounds. */
  accept(call: PublishCall, signal: AbortSignal | undefined): void {
    const refusal = this.#closedBy ?? this.#room.take(call)
    if (refusal !== undefined) {
      call.done = true
      call.reject(refusal)
      return
    }
    if (signal !== undefined) this.#watch(call, signal)
    this.#outbox.push(call)
    this.#sweep.watch(call.deadlineMs)
    if (!this.#flushing) this.#flushSoon()
  }

  /** Calls `gone` when the queue is found to be deleted or set aside. */
  onGone(gone: () => void): void {
    this.#onGone.push(gone)
  }

  /** Resolves as soon as less than the soft bound is buffered. */
  room(): Promise<void> {
    return this.#room.room()
  }

  /** Resolves when every call has ended. */
  idle(): Promise<void> {
    return this.#room.idle()
  }

  /** Ends every call with `error`; again and late: harmless. */
  close(error: SkeinError): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = error
    this.#detach()
    this.#sweep.stop()
    this.#retry.stop()
    const frames = this.#frames
    this.#frames = []
    for (const frame of frames) this.#failFrame(frame, error)
    for (const call of this.#outbox.waiting()) this.#fail(call, error)
  }

  linkUp(fabric: FabricConnection): void {
    this.#fabric = fabric
    this.#retry.succeeded()
    this.#retry.stop()
    if (this.#frames.length > 0) this.#recover()
    else {
      this.#recovering = false
      this.#pump()
    }
  }

  linkDown(): void {
    this.#fabric = undefined
    this.#retry.stop()
    for (const frame of this.#frames) {
      frame.waiting = false
      frame.sentOver = undefined
      frame.refusal = undefined
    }
  }

  linkClosed(error: SkeinError): void {
    this.close(error)
  }

  #flushSoon(): void {
    this.#flushing = true
    this.#runtime.endOfTick(() => {
      this.#flushing = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#fabric === undefined || this.#recovering || this.#closedBy !== undefined) return
    while (this.#frames.length < limits.publishFramesInFlightMax) {
      if (this.#splitCalls > 0 && this.#frames.length > 0) return
      if (
        this.#frames.length >= clientLimits.publishPartialFramesInFlightMax &&
        !this.#outbox.hasFullFrame
      ) {
        return
      }
      const splitting = this.#splitCalls > 0
      const frame = this.#outbox.take(splitting ? this.#splitSize : Number.POSITIVE_INFINITY)
      if (frame === undefined) return
      frame.number = this.#nextNumber++
      this.#frames.push(frame)
      this.#send(frame, this.#fabric)
    }
  }

  #send(frame: OutFrame, fabric: FabricConnection): void {
    if (frame.firstSentMs < 0) {
      frame.firstSentMs = this.#runtime.clock.monotonicMs()
      this.#sweep.watch(frame.firstSentMs + limits.unconfirmedAfterMs)
    }
    frame.sentOver = fabric
    frame.waiting = true
    frame.refusal = undefined
    fabric.broker
      .publish({
        queue: this.#queue,
        producer: this.#producer,
        frameNumber: frame.number,
        frame: frame.bytes,
      })
      .then(
        (answer) => this.#answered(frame, answer),
        (error: unknown) => this.#refused(frame, fabric, asSkeinError(error)),
      )
  }

  #answered(frame: OutFrame, answer: PublishAnswer): void {
    const at = this.#frames.indexOf(frame)
    if (at < 0) return
    this.#frames.splice(at, 1)
    this.#retry.succeeded()
    if (this.#splitCalls > 0) this.#splitCalls -= frame.calls.length
    if (answer.count === frame.count) confirmFrame(frame, answer, this.#release)
    else {
      const detail = `${answer.count} of ${frame.count} messages were confirmed`
      this.#failCalls(frame, skeinError("ProtocolError", detail, { outcome: "unknown" }))
    }
    this.#room.wake()
    if (this.#recovering) this.#recover()
    else this.#pump()
  }

  #refused(frame: OutFrame, fabric: FabricConnection, error: SkeinError): void {
    // The answer of a connection that is gone says nothing new; the frame is sent again.
    if (frame.sentOver !== fabric || !frame.waiting || !this.#frames.includes(frame)) return
    frame.waiting = false
    frame.refusal = error
    if (leavesOpen(error)) frame.mayBeStored = true
    // A gap only says that an earlier frame was refused.
    if (error._tag !== "SequenceGap") for (const call of frame.calls) call.refusal = error
    this.#recovering = true
    this.#recover()
  }

  /** All answers are in, or the connection is new: decide by the lowest frame, then go on. */
  #recover(): void {
    if (this.#closedBy !== undefined) return
    for (const frame of this.#frames) if (frame.waiting) return
    this.#giveUpOld()
    const lowest = this.#frames[0]
    if (lowest === undefined) this.#resume()
    else this.#follow(judge(this.#frames), lowest)
  }

  #follow(verdict: Verdict, lowest: OutFrame): void {
    switch (verdict.next) {
      case "resend":
        this.#recovering = true
        this.#after(verdict.wait, () => this.#resend())
        return
      case "renumber":
        this.#renumber()
        this.#after(verdict.wait, () => this.#resume())
        return
      case "split":
        this.#splitCalls = lowest.calls.length
        this.#splitSize = Math.ceil(lowest.calls.length / 2)
        this.#renumber()
        this.#resume()
        return
      case "fail":
        this.#drop(lowest, verdict.error)
        this.#recover()
        return
      case "gone":
        for (const gone of this.#onGone) gone()
        this.close(verdict.error)
        return
      case "newProducer":
        this.#startProducer(verdict.why)
        this.#after(true, () => this.#resume())
        return
    }
  }

  #resume(): void {
    this.#recovering = false
    if (this.#splitCalls < 0) this.#splitCalls = 0
    this.#pump()
  }

  #resend(): void {
    const fabric = this.#fabric
    if (fabric === undefined) return
    this.#recovering = false
    for (const frame of this.#frames) {
      if (frame.sentOver !== fabric) frame.mayBeStored = true
      this.#send(frame, fabric)
    }
    this.#pump()
  }

  #after(wait: boolean, run: () => void): void {
    if (wait) this.#retry.later(run)
    else run()
  }

  /** Every frame here is known not to be stored: back with them, their numbers are free. */
  #renumber(): void {
    const frames = this.#frames
    this.#frames = []
    this.#nextNumber = frames[0].number
    this.#outbox.putBack(frames)
  }

  /** Ends a frame whose number stays unused; what may be stored must not meet other content. */
  #drop(lowest: OutFrame, error: SkeinError): void {
    const numbersAreFree = this.#frames.every(surelyNotStored)
    this.#failFrame(lowest, error)
    if (this.#splitCalls > 0) this.#splitCalls -= lowest.calls.length
    this.#frames.shift()
    if (!numbersAreFree) {
      this.#startProducer(error)
      return
    }
    if (this.#frames.length > 0) this.#renumber()
    this.#nextNumber = lowest.number
  }

  /** A new identity: what was surely not stored goes on under it, the rest is unconfirmed. */
  #startProducer(why: SkeinError): void {
    const frames = this.#frames
    this.#frames = []
    this.#producer = randomHex128(this.#runtime.random)
    this.#nextNumber = 1
    const surely: OutFrame[] = []
    for (const frame of frames) {
      if (surelyNotStored(frame)) surely.push(frame)
      else this.#failFrame(frame, why)
    }
    this.#outbox.putBack(surely)
  }

  /** So that a frame is never repeated into the node's forgetting. */
  #giveUpOld(): boolean {
    const oldest = this.#frames[0]
    if (oldest === undefined) return false
    const ageMs = this.#runtime.clock.monotonicMs() - oldest.firstSentMs
    if (ageMs < limits.unconfirmedAfterMs) return false
    this.#startProducer(skeinError("TimedOut", `no answer within ${limits.unconfirmedAfterMs} ms`))
    return true
  }

  #failFrame(frame: OutFrame, why: SkeinError): void {
    this.#failCalls(frame, surelyNotStored(frame) ? why : outcomeOpen(why))
  }

  #failCalls(frame: OutFrame, error: SkeinError): void {
    for (let at = 0; at < frame.calls.length; at++) {
      const call = frame.calls[at]
      if (!call.done) this.#fail(call, error)
    }
  }

  #fail(call: PublishCall, error: SkeinError): void {
    this.#release(call)
    call.reject(error)
    this.#room.wake()
  }

  /** Bookkeeping of an ended call; its promise is the caller's matter. */
  readonly #release = (call: PublishCall): void => {
    call.done = true
    this.#outbox.ended(call)
    this.#room.release(call)
    if (call.forgetSignal !== undefined) call.forgetSignal()
  }

  #watch(call: PublishCall, signal: AbortSignal): void {
    const onAbort = (): void => {
      if (!call.done) this.#fail(call, abortedError("publish", this.#outcomeOf(call)))
    }
    signal.addEventListener("abort", onAbort, { once: true })
    call.forgetSignal = () => signal.removeEventListener("abort", onAbort)
  }

  #outcomeOf(call: PublishCall): "not sent" | "unknown" {
    return call.next > 0 ? "unknown" : "not sent"
  }

  /** Ends what is over its time; one timer serves all calls. */
  #expire(isOver: IsOver): void {
    const look = (call: PublishCall): void => {
      if (!call.done && isOver(call.deadlineMs)) this.#fail(call, this.#expired(call))
    }
    for (const frame of this.#frames) frame.calls.forEach(look)
    this.#outbox.waiting().forEach(look)
    if (this.#giveUpOld()) {
      // The answers that a recovery waits for count no more.
      this.#retry.stop()
      this.#resume()
    }
    const oldest = this.#frames[0]
    if (oldest !== undefined) isOver(oldest.firstSentMs + limits.unconfirmedAfterMs)
  }

  #expired(call: PublishCall): SkeinError {
    const { refusal } = call
    // What is not confirmed was refused and is on its way no more: that is certain.
    if (refusal !== undefined && call.next === call.confirmed) return refusal
    const reason = this.#link.lastError ?? refusal
    const why = reason === undefined ? "" : `; ${reason.detail}`
    return timedOutError("publish", call.timeoutMs, this.#outcomeOf(call), why, reason)
  }
}
