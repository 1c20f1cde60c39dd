/**
 * Owns: what the queue knows of its sessions: their waiting fetches, which fetch numbers were
 * answered, and whose turn it is. Volatile: gone with the owner.
 * Must not know: messages.
 */
import { invariant, type SessionId } from "@skein/model"
import { DueHeap } from "./DueHeap.js"
import type { Lease } from "./Leases.js"
import { SmallMap } from "./SmallMap.js"

export interface Wait {
  readonly session: Session
  readonly fetchNumber: number
  readonly messagesMax: number
  readonly bytesMax: number
  /** Its number was answered before. */
  readonly repeat: boolean
  untilMs: number
  heapAt: number
}

/** How far back answered fetch numbers are told apart; older ones count as answered. */
const answeredWindow = 32
const noLeases: ReadonlySet<Lease> = new Set()

export class Session {
  /** A set only while it holds some: most sessions of most queues have nothing. */
  private held: Set<Lease> | undefined
  /** Messages leased to it. */
  leased = 0
  /** Ascending by fetch number. */
  waits: Wait[] = []
  private answeredMax = 0
  /** Bit i: fetch number `answeredMax - i` was answered. */
  private answeredBits = 0

  constructor(readonly id: SessionId) {}

  get leases(): ReadonlySet<Lease> {
    return this.held ?? noLeases
  }

  hold(lease: Lease): void {
    this.held ??= new Set()
    this.held.add(lease)
  }

  drop(lease: Lease): void {
    this.held?.delete(lease)
    if (this.held?.size === 0) this.held = undefined
  }

  waitOf(fetchNumber: number): Wait | undefined {
    return this.waits.find((wait) => wait.fetchNumber === fetchNumber)
  }

  answered(fetchNumber: number): boolean {
    const back = this.answeredMax - fetchNumber
    if (back < 0) return false
    return back >= answeredWindow || ((this.answeredBits >>> back) & 1) === 1
  }

  /** Which fetch numbers were answered: the highest, and the bits of those before it. */
  get window(): { readonly answeredMax: number; readonly answeredBits: number } {
    return { answeredMax: this.answeredMax, answeredBits: this.answeredBits >>> 0 }
  }

  restore(answeredMax: number, answeredBits: number): void {
    this.answeredMax = answeredMax
    this.answeredBits = answeredBits | 0
  }

  markAnswered(fetchNumber: number): void {
    const ahead = fetchNumber - this.answeredMax
    if (ahead > 0) {
      this.answeredBits = ahead >= answeredWindow ? 1 : (this.answeredBits << ahead) | 1
      this.answeredMax = fetchNumber
    } else if (-ahead < answeredWindow) this.answeredBits |= 1 << -ahead
  }
}

export class Sessions {
  readonly byId = new SmallMap<SessionId, Session>()
  /** Sessions with waiting fetches; the first has its turn next. */
  readonly turns: Session[] = []
  readonly waits = new DueHeap<Wait>()
  /** Of the waits, repeats of fetches that were answered before. */
  repeats = 0

  of(id: SessionId): Session {
    const there = this.byId.get(id)
    if (there !== undefined) return there
    const session = new Session(id)
    this.byId.set(id, session)
    return session
  }

  wait(
    id: SessionId,
    fetchNumber: number,
    messagesMax: number,
    bytesMax: number,
    untilMs: number,
  ): void {
    const session = this.of(id)
    const earlier = session.waitOf(fetchNumber)
    if (earlier !== undefined) this.drop(earlier)
    const repeat = session.answered(fetchNumber)
    const wait = { session, fetchNumber, messagesMax, bytesMax, repeat, untilMs, heapAt: -1 }
    if (repeat) this.repeats++
    let at = session.waits.length
    while (at > 0 && session.waits[at - 1].fetchNumber > fetchNumber) at--
    session.waits.splice(at, 0, wait)
    this.waits.add(wait)
    if (session.waits.length === 1) this.turns.push(session)
  }

  /** The fetch has its answer: with messages, the session goes to the end of the turns. */
  answer(id: SessionId, fetchNumber: number, served: boolean): void {
    const session = this.of(id)
    session.markAnswered(fetchNumber)
    const wait = session.waitOf(fetchNumber)
    if (wait !== undefined) this.drop(wait)
    if (served && session.waits.length > 0) {
      this.turns.splice(this.turns.indexOf(session), 1)
      this.turns.push(session)
    }
  }

  forget(id: SessionId): void {
    const session = this.byId.get(id)
    if (session === undefined) return
    invariant(session.leases.size === 0, "a session is forgotten while it holds leases")
    for (const wait of [...session.waits]) this.drop(wait)
    this.byId.delete(id)
  }

  private drop(wait: Wait): void {
    const session = wait.session
    session.waits.splice(session.waits.indexOf(wait), 1)
    this.waits.remove(wait)
    if (wait.repeat) this.repeats--
    if (session.waits.length === 0) this.turns.splice(this.turns.indexOf(session), 1)
  }
}
