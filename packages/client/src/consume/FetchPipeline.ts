/**
 * Owns: several long-poll fetches in flight on one queue: their numbers, the credit they ask for,
 * their repeat over reconnects, and that answers come out in the order of their numbers.
 * Must not know: what is done with the messages.
 *
 * Tricky: fetches go over a new connection only when all calls of the older one have ended, so no
 * delivery of a newer epoch overtakes one of an older. An older one that still stands (the shard
 * has moved) is asked to end them and what it answers counts; one that says nothing is not waited
 * for. Then the session is opened there, and before anything is fetched the new connection is asked
 * which of the messages that wait here are still leased to it: after a planned move all, after a
 * crash none. A repeated number gets the same deliveries,
 * so a repeat must not carry another credit; settles that it carried go again on their own. But a
 * number whose refusal was lost with the connection gets new messages when it is repeated, maybe
 * after those that a later number holds already: so repeats do not wait at the node, nothing new is
 * asked for until all have ended, and what they brought comes out together, sorted. The same when
 * a fetch gets no answer though its connection stands: all start over there.
 */
import { asSkeinError, limits, type QueueRef, type SkeinError } from "@skein/model"
import type { DeliveredRun, FetchCall } from "@skein/wire"
import { clientLimits } from "../clientLimits.js"
import { Deferred, ignore } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import { Retry } from "../Retry.js"
import type { Runtime } from "../Runtime.js"
import { HeldRun } from "./HeldRun.js"
import type { Session, SessionKeeper } from "./SessionKeeper.js"
import type { SettleSender } from "./SettleSender.js"

const retryBounds = {
  minMs: clientLimits.fetchRetryDelayMinMs,
  maxMs: clientLimits.fetchRetryDelayMaxMs,
}

interface Slot {
  readonly number: number
  readonly messagesMax: number
  readonly bytesMax: number
  call: FetchCall | undefined
  runs: readonly HeldRun[] | undefined
}

interface Credit {
  readonly messages: number
  readonly bytes: number
}

export interface FetchPipelineHost {
  /** What is to be fetched ahead; each fetch in flight asks for its share. */
  readonly ahead: () => Credit
  /** What could be held in all, less what is held. */
  readonly room: () => Credit
  readonly deliver: (runs: readonly HeldRun[]) => void
  /**
   * Finds out what of `runs` and of what was delivered and not handed out is still leased to the
   * session, and marks the rest as lost.
   */
  readonly verify: (fabric: FabricConnection, runs: readonly HeldRun[]) => Promise<void>
  readonly broken: (error: SkeinError) => void
}

export class FetchPipeline {
  readonly session: Session
  fabric: FabricConnection | undefined
  requestedMessages = 0
  requestedBytes = 0
  readonly #runtime: Runtime
  readonly #queue: QueueRef
  readonly #settles: SettleSender
  readonly #host: FetchPipelineHost
  readonly #inFlightMax: number
  #slots: Slot[] = []
  /** Calls that have not ended, over any connection. */
  readonly #openCalls = new Set<FetchCall>()
  /** Once all calls have ended: over another connection, or over the same one, all start over. */
  #nextFabric: FabricConnection | undefined
  /** Where the session is open and what waits here was asked for; where that is under way. */
  #entered: FabricConnection | undefined
  #entering: FabricConnection | undefined
  #cancelAbandon: () => void = ignore
  readonly #retry: Retry
  /** Fetches of an older connection are repeated. */
  #repeating = false
  #stopped = false
  readonly #allEnded = new Deferred<void>()

  constructor(
    runtime: Runtime,
    queue: QueueRef,
    keeper: SessionKeeper,
    settles: SettleSender,
    host: FetchPipelineHost,
    inFlightMax: number,
  ) {
    this.#runtime = runtime
    this.#retry = new Retry(runtime, retryBounds)
    this.#queue = queue
    this.session = keeper.session
    this.#settles = settles
    this.#host = host
    this.#inFlightMax = inFlightMax
  }

  linkUp(fabric: FabricConnection): void {
    this.#nextFabric = fabric
    this.#switch()
  }

  linkDown(): void {
    this.fabric = undefined
    this.#nextFabric = undefined
    this.#entered = undefined
    this.#entering = undefined
    this.#retry.stop()
    for (const call of this.#openCalls) call.cancel()
    this.#abandonLater()
  }

  /** Sends what can be sent: fetches as far as there is room, settles on them or alone. */
  pump(): void {
    const fabric = this.fabric
    if (fabric === undefined) return
    const pauses = this.#repeating || this.#nextFabric !== undefined
    while (!this.#stopped && !pauses && !this.#retry.isWaiting) {
      const slot = this.#nextSlot()
      if (slot === undefined) break
      this.#slots.push(slot)
      this.#send(slot, fabric)
    }
    if (this.#settles.hasLoad) this.#settles.sendAlone()
  }

  /** The node behind `fabric` does not know the session, or no more. */
  sessionUnknown(fabric: FabricConnection): void {
    this.session.forget(fabric)
    if (this.fabric !== fabric) return
    this.#entered = undefined
    this.#entering = undefined
    this.#retryLater()
  }

  /** No new fetches; waits for the end of those in flight, whose deliveries still come out. */
  stop(): Promise<void> {
    this.#stopped = true
    this.#retry.stop()
    for (const call of this.#openCalls) call.cancel()
    if (this.#openCalls.size === 0) this.#allEnded.resolve()
    return this.#allEnded.promise
  }

  #nextSlot(): Slot | undefined {
    if (this.#slots.length >= this.#inFlightMax) return undefined
    const ahead = this.#host.ahead()
    const room = this.#host.room()
    const messagesAim = share(ahead.messages, this.#inFlightMax, limits.fetchMessagesMax)
    const bytesAim = share(ahead.bytes, this.#inFlightMax, limits.fetchBytesMax)
    const messages = Math.min(room.messages - this.requestedMessages, messagesAim)
    const bytes = Math.min(room.bytes - this.requestedBytes, bytesAim)
    // Not in crumbs: wait for half a fetch of room unless nothing is asked for.
    const crumb = messages * 2 < messagesAim || bytes * 2 < bytesAim
    if (messages <= 0 || bytes <= 0 || (crumb && this.#slots.length > 0)) return undefined
    this.requestedMessages += messages
    this.requestedBytes += bytes
    return {
      number: this.session.nextNumber(this.#queue.generation),
      messagesMax: messages,
      bytesMax: bytes,
      call: undefined,
      runs: undefined,
    }
  }

  #send(slot: Slot, fabric: FabricConnection): void {
    if (this.#entered !== fabric) {
      // Rare: the first over a connection. The slot keeps its place meanwhile.
      this.#enter(fabric)
      return
    }
    const load = this.#settles.take("fetch")
    const call = fabric.broker.fetch({
      queue: this.#queue,
      session: this.session.id,
      fetchNumber: slot.number,
      messagesMax: slot.messagesMax,
      bytesMax: slot.bytesMax,
      waitMs: this.#repeating ? 0 : clientLimits.fetchWaitMs,
      settles: load === undefined ? noSettles : load.settles,
    })
    if (load !== undefined) this.#settles.sent(load, fabric, call.settled)
    else call.settled.catch(ignore)
    slot.call = call
    this.#openCalls.add(call)
    call.delivered.then(
      (runs) => this.#ended(slot, call, () => this.#answered(slot, runs)),
      (error: unknown) =>
        this.#ended(slot, call, () => this.#refused(slot, fabric, asSkeinError(error))),
    )
  }

  /** Opens the session, finds out what is still ours, then sends. */
  #enter(fabric: FabricConnection): void {
    if (this.#entering === fabric) return
    this.#entering = fabric
    const inSlots = (): readonly HeldRun[] => this.#slots.flatMap((slot) => slot.runs ?? [])
    const isPresent = (): boolean => this.fabric === fabric && this.#entering === fabric
    this.session
      .open(fabric)
      .then(() => this.#host.verify(fabric, inSlots()))
      .then(
        () => {
          if (!isPresent()) return
          this.#entered = fabric
          this.#entering = undefined
          this.#resend()
        },
        (error: unknown) => {
          if (isPresent()) this.#notEntered(fabric, asSkeinError(error))
        },
      )
  }

  #notEntered(fabric: FabricConnection, error: SkeinError): void {
    this.#entering = undefined
    if (error._tag === "SessionUnknown") this.sessionUnknown(fabric)
    else if (error.retryable) this.#retryLater()
    else this.#host.broken(error)
  }

  #ended(slot: Slot, call: FetchCall, act: () => void): void {
    // An answer that was no longer waited for: the number was or will be asked for again.
    if (!this.#openCalls.delete(call)) return
    if (slot.call === call && this.#slots.includes(slot)) act()
    this.#checkEnded()
  }

  #checkEnded(): void {
    if (this.#openCalls.size > 0) return
    this.#cancelAbandon()
    this.#switch()
    if (this.#stopped) this.#allEnded.resolve()
  }

  /** Calls of an older connection that do not end are given up. */
  #abandonLater(): void {
    this.#cancelAbandon()
    if (this.#openCalls.size === 0) return
    const { clock } = this.#runtime
    this.#cancelAbandon = clock.setTimer(clientLimits.fetchesEndWithinMs, () => {
      for (const slot of this.#slots) if (slot.runs === undefined) slot.call = undefined
      this.#openCalls.clear()
      this.#checkEnded()
    })
  }

  #answered(slot: Slot, runs: readonly DeliveredRun[]): void {
    this.#retry.succeeded()
    try {
      slot.runs = runs.map((run) => new HeldRun(run))
    } catch (error) {
      this.#host.broken(asSkeinError(error))
      return
    }
    this.#comeOut()
    this.pump()
  }

  /** What is answered, in the order of the numbers. */
  #comeOut(): void {
    if (this.#repeating) {
      if (this.#slots.some((slot) => slot.runs === undefined)) return
      this.#repeating = false
      const runs = this.#slots.flatMap((slot) => slot.runs ?? [])
      for (const slot of this.#slots) this.#giveBackCredit(slot)
      this.#slots = []
      runs.sort((a, b) => a.run.first - b.run.first)
      if (runs.length > 0) this.#host.deliver(runs)
      return
    }
    while (this.#slots.length > 0) {
      const head = this.#slots[0]
      if (head.runs === undefined) return
      this.#slots.shift()
      this.#giveBackCredit(head)
      if (head.runs.length > 0) this.#host.deliver(head.runs)
    }
  }

  #giveBackCredit(slot: Slot): void {
    this.requestedMessages -= slot.messagesMax
    this.requestedBytes -= slot.bytesMax
  }

  /**
   * A fetch that may have arrived is repeated, and with it all later ones: else it might get
   * messages after theirs and come out before them. One that was refused leaves nothing behind, so
   * it is dropped.
   */
  #refused(slot: Slot, fabric: FabricConnection, error: SkeinError): void {
    slot.call = undefined
    if (!error.retryable) {
      this.#host.broken(error)
      return
    }
    if (error._tag === "SessionUnknown") this.sessionUnknown(fabric)
    if (error._tag === "ConnectionFailed" || error._tag === "TimedOut") {
      if (this.fabric === fabric) this.#startOver(fabric)
      return
    }
    this.#slots.splice(this.#slots.indexOf(slot), 1)
    this.#giveBackCredit(slot)
    this.#comeOut()
    if (this.fabric === fabric) this.#retryLater()
  }

  /** Ends what is open over a connection that stands, to ask for it there once more. */
  #startOver(fabric: FabricConnection): void {
    if (this.#nextFabric !== undefined) return
    this.#nextFabric = fabric
    // What waits here may have waited beyond its lease.
    this.#entered = undefined
    this.#entering = undefined
    for (const call of this.#openCalls) call.cancel()
    this.#abandonLater()
  }

  /** Starts over a connection once no call of an older one, or an earlier call of it, is open. */
  #switch(): void {
    const next = this.#nextFabric
    if (next === undefined || this.#openCalls.size > 0) return
    const isSame = next === this.fabric
    this.fabric = next
    this.#nextFabric = undefined
    this.#repeating = this.#slots.length > 0
    if (isSame) this.#retryLater()
    else this.#resend()
  }

  #resend(): void {
    const fabric = this.fabric
    if (fabric === undefined) return
    if (!this.#stopped && this.#nextFabric === undefined) {
      if (this.#entered !== fabric) this.#enter(fabric)
      for (const slot of this.#slots) {
        if (slot.call === undefined && slot.runs === undefined) this.#send(slot, fabric)
      }
    }
    this.pump()
  }

  #retryLater(): void {
    if (!this.#stopped) this.#retry.later(() => this.#resend())
  }
}

const share = (whole: number, parts: number, max: number): number =>
  Math.min(max, Math.ceil(whole / parts))

const noSettles: readonly never[] = []
