/**
 * Owns: a toy actor for tests of the shard host: it keeps lines of text, and each `add` stores the
 * text as a frame, too. Tests make it fail.
 */
import type { ManualClock } from "@skein/journal"
import type { Sequence } from "@skein/model"
import type { ActorDelta, ActorFrame, ShardActor, Turn, WholeActor } from "../ShardActor.js"

export class NoteActor implements ShardActor {
  readonly notes: string[] = []
  readonly places = new Map<Sequence, number>()
  readonly answered: string[] = []
  readonly failures: string[] = []
  /** What those who waited for a commit were told of it. */
  readonly outcomes: unknown[] = []
  opened = 0
  aside = false
  /** What a test makes it do wrong. */
  fault: "release" | "seal" | "work" | undefined
  /** Each note takes so long. */
  noteMs = 0
  private readonly mailbox: string[] = []
  private fresh: string[] = []
  private erased = false

  constructor(
    readonly generation: number,
    private readonly wake: (actor: NoteActor) => void = () => {},
    private readonly clock?: ManualClock,
  ) {}

  add(text: string): void {
    this.mailbox.push(text)
    this.wake(this)
  }

  open(): void {
    this.opened += 1
  }

  private told = 0

  depthChange(): number {
    const depth = this.erased ? 0 : this.notes.length
    const change = depth - this.told
    this.told = depth
    return change
  }

  work(turn: Turn): boolean {
    for (let text = this.mailbox.shift(); text !== undefined; text = this.mailbox.shift()) {
      if (this.fault === "work") throw new Error("work failed")
      const note = text
      this.clock?.advance(this.noteMs)
      if (!turn.reserve(note.length, "publish")) this.failures.push("DiskFull")
      this.notes.push(note)
      this.fresh.push(note)
      const bytes = new TextEncoder().encode(note)
      turn.store({ generation: this.generation, first: this.notes.length, bytes })
      turn.count(1, bytes.length)
      turn.wait({
        release: () => {
          if (this.fault === "release") throw new Error(`${note} was not answered`)
          this.answered.push(note)
        },
        fail: (error) => {
          this.failures.push(error._tag)
          this.outcomes.push(error.data.outcome)
        },
      })
      if (turn.spent()) return this.mailbox.length > 0
    }
    return false
  }

  seal(): Uint8Array | undefined {
    if (this.fault === "seal") throw new Error("seal failed")
    if (this.fresh.length === 0) return undefined
    const events = new TextEncoder().encode(JSON.stringify(this.fresh))
    this.fresh = []
    return events
  }

  replay(events: Uint8Array): void {
    this.notes.push(...(JSON.parse(new TextDecoder().decode(events)) as string[]))
  }

  relocate(first: Sequence, location: number): boolean {
    if (first > this.notes.length) return false
    this.places.set(first, location)
    return true
  }

  locate(first: Sequence): number | undefined {
    return this.places.get(first)
  }

  checkpoint(): ActorDelta {
    const key = `q${this.generation}/notes`
    if (this.erased) return { put: [], drop: [key] }
    return { put: [{ key, bytes: new TextEncoder().encode(JSON.stringify(this.notes)) }], drop: [] }
  }

  whole(): WholeActor {
    const { put: chunks } = this.checkpoint()
    const sizes = this.notes.map((text) => text.length)
    const frameBytes = sizes.reduce((sum, bytes) => sum + bytes, 0)
    return { chunks, below: sizes.length + 1, frames: sizes.length, frameBytes }
  }

  framesFrom(from: Sequence, below: Sequence): readonly ActorFrame[] {
    const frames = this.notes.map((text, at) => ({ first: at + 1, bytes: text.length }))
    return frames.slice(from - 1, below - 1)
  }

  dueMs = () => Number.POSITIVE_INFINITY
  tick = () => {}
  receive = () => this.open()
  handOver = () => {}
  isHandedOver = () => true
  resume = () => {}
  shed = () => {}
  isAside = () => this.aside
  readonly kept: string[] = []
  keep = (events: Uint8Array) => void this.kept.push(new TextDecoder().decode(events))
  erase(): void {
    this.erased = true
  }
  close(why: { readonly _tag: string }): void {
    this.failures.push(`closed ${why._tag}`)
  }
}
