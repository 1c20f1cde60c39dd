/**
 * Owns: several long-poll fetches in flight on one queue: their numbers, the credit they ask for,
 * their repeat over reconnects, and that answers come out in the order of their numbers.
 * Must not know: what is done with the messages.
 *
 * Tricky: fetches go over a new connection only when all calls of the older one have ended, so no
 * delivery of a newer epoch overtakes one of an older. A repeated number gets the same deliveries,
 * so a repeat must not carry another credit; settles that it carried go again on their own. But a
 * number whose refusal was lost with the connection gets new messages when it is repeated, maybe
 * after those that a later number holds already: so repeats do not wait at the node, nothing new is
 * asked for until all have ended, and what they brought comes out together, sorted.
 */
import { limits, type QueueRef, type SkeinError } from "@skein/model"
import type { DeliveredRun, FetchCall } from "@skein/wire"
import { clientLimits } from "../clientLimits.js"
import { Deferred } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import { asSkeinError } from "../link/FabricLink.js"
import { backoffMs, type Runtime } from "../Runtime.js"
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
  runs: readonly DeliveredRun[] | undefined
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
  readonly deliver: (runs: readonly DeliveredRun[]) => void
  /** The session is a new one: deliveries of the old one that are not handed out are not ours. */
  readonly sessionLost: () => void
  readonly broken: (error: SkeinError) => void
}

export class FetchPipeline {
  session: Session
  fabric: FabricConnection | undefined
  requestedMessages = 0
  requestedBytes = 0
  readonly #runtime: Runtime
  readonly #queue: QueueRef
  readonly #keeper: SessionKeeper
  readonly #settles: SettleSender
  readonly #host: FetchPipelineHost
  readonly #inFlightMax: number
  #slots: Slot[] = []
  /** Calls that have not ended, over any connection. */
  #openCalls = 0
  #nextFabric: FabricConnection | undefined
  #attempt = 0
  #cancelRetry: (() => void) | undefined
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
    this.#queue = queue
    this.#keeper = keeper
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
    this.#stopRetry()
    for (const slot of this.#slots) if (slot.runs === undefined) slot.call = undefined
  }

  /** Sends what can be sent: fetches as far as there is room, settles on them or alone. */
  pump(): void {
    const fabric = this.fabric
    if (fabric === undefined) return
    while (!this.#stopped && !this.#repeating && this.#cancelRetry === undefined) {
      const slot = this.#nextSlot()
      if (slot === undefined) break
      this.#slots.push(slot)
      this.#send(slot, fabric)
    }
    if (this.#settles.hasLoad) this.#settles.sendAlone()
  }

  /** The node does not know `session`: goes on under a new one. */
  sessionUnknown(session: Session): void {
    if (session !== this.session) return
    this.session = this.#keeper.replace(session)
    for (const slot of this.#slots) slot.call?.cancel()
    this.#slots = []
    this.#repeating = false
    this.requestedMessages = 0
    this.requestedBytes = 0
    this.#host.sessionLost()
    this.#stopRetry()
    this.#retryLater()
  }

  /** No new fetches; waits for the end of those in flight, whose deliveries still come out. */
  stop(): Promise<void> {
    this.#stopped = true
    this.#stopRetry()
    for (const slot of this.#slots) slot.call?.cancel()
    if (this.#openCalls === 0) this.#allEnded.resolve()
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
    const session = this.session
    const opened = session.openedNow(fabric)
    if (opened !== undefined) {
      // Rare: the first fetch of a session. The slot keeps its place meanwhile.
      this.#openThenSend(opened, fabric)
      return
    }
    const load = this.#settles.take()
    const call = fabric.broker.fetch({
      queue: this.#queue,
      session: session.id,
      fetchNumber: slot.number,
      messagesMax: slot.messagesMax,
      bytesMax: slot.bytesMax,
      waitMs: this.#repeating ? 0 : clientLimits.fetchWaitMs,
      settles: load === undefined ? noSettles : load.settles,
    })
    if (load !== undefined) this.#settles.sent(load, fabric, session, call.settled)
    else call.settled.catch(() => undefined)
    slot.call = call
    this.#openCalls++
    call.delivered.then(
      (runs) => this.#ended(slot, call, () => this.#answered(slot, runs)),
      (error: unknown) =>
        this.#ended(slot, call, () => this.#refused(slot, session, asSkeinError(error))),
    )
  }

  #openThenSend(opened: Promise<void>, fabric: FabricConnection): void {
    const session = this.session
    const sendAll = (): void => {
      if (this.fabric !== fabric || this.session !== session) return
      for (const slot of this.#slots) {
        if (slot.call === undefined && slot.runs === undefined) this.#send(slot, fabric)
      }
      this.pump()
    }
    opened.then(sendAll, (error: unknown) => {
      if (this.fabric !== fabric) return
      const failure = asSkeinError(error)
      if (failure.retryable) this.#retryLater()
      else this.#host.broken(failure)
    })
  }

  #ended(slot: Slot, call: FetchCall, act: () => void): void {
    this.#openCalls--
    // The end of an older connection's call: the number was or will be asked for again.
    if (slot.call === call && this.#slots.includes(slot)) act()
    this.#switch()
    if (this.#openCalls === 0 && this.#stopped) this.#allEnded.resolve()
  }

  #answered(slot: Slot, runs: readonly DeliveredRun[]): void {
    this.#attempt = 0
    slot.runs = runs
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
      runs.sort((a, b) => a.first - b.first)
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
   * A fetch that may have arrived is repeated. One that was refused leaves nothing behind: asked
   * again under its number, it would get messages after those of a later number; so it is dropped.
   */
  #refused(slot: Slot, session: Session, error: SkeinError): void {
    slot.call = undefined
    if (error._tag === "SessionUnknown") this.sessionUnknown(session)
    else if (!error.retryable) this.#host.broken(error)
    else {
      if (error._tag !== "ConnectionFailed" && error._tag !== "TimedOut") {
        this.#slots.splice(this.#slots.indexOf(slot), 1)
        this.#giveBackCredit(slot)
        this.#comeOut()
      }
      this.#retryLater()
    }
  }

  /** Starts over a new connection once no call of an older one is open. */
  #switch(): void {
    if (this.#nextFabric === undefined || this.#openCalls > 0) return
    this.fabric = this.#nextFabric
    this.#nextFabric = undefined
    this.#repeating = this.#slots.length > 0
    this.#resend()
  }

  #resend(): void {
    const fabric = this.fabric
    if (fabric === undefined) return
    if (!this.#stopped) {
      for (const slot of this.#slots) {
        if (slot.call === undefined && slot.runs === undefined) this.#send(slot, fabric)
      }
    }
    this.pump()
  }

  #retryLater(): void {
    if (this.#cancelRetry !== undefined || this.#stopped) return
    const delayMs = backoffMs(this.#runtime.random, this.#attempt, retryBounds)
    this.#attempt++
    this.#cancelRetry = this.#runtime.clock.setTimer(delayMs, () => {
      this.#cancelRetry = undefined
      this.#resend()
    })
  }

  #stopRetry(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }
}

const share = (whole: number, parts: number, max: number): number =>
  Math.min(max, Math.ceil(whole / parts))

const noSettles: readonly never[] = []
