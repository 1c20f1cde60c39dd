/**
 * Owns: what the node itself asked of a queue and the journal had no room for: time and ends of
 * sessions. They are asked again a second later.
 * Must not know: the queue, how room is found.
 */
import type { Now } from "@skein/model"
import type { Command } from "@skein/queue"

const againAfterMs = 1_000

export class Postponed {
  private ends: Command[] | undefined
  private againMs = Number.POSITIVE_INFINITY
  /** Stalls of the node that leases have yet to be given back. */
  private stallMs = 0

  /** Monotonic; Infinity when there is nothing to ask again. */
  get dueMs(): number {
    return this.againMs
  }

  /** A command found no room; one that a client asked for is not asked again. */
  refused(command: Command, now: Now): void {
    if (command._tag === "EndSession") this.ends = [...(this.ends ?? []), command]
    else if (command._tag === "Tick") this.stallMs += command.stallMs
    else return
    this.again(now)
  }

  /** Something else found none, which time alone brings back. */
  again(now: Now): void {
    this.againMs = now.monotonicMs + againAfterMs
  }

  /** What is to be asked now, time first; nothing is left here. `stallMs`: as of this tick. */
  take(stallMs: number): readonly Command[] {
    const commands: Command[] = [{ _tag: "Tick", stallMs: stallMs + this.stallMs }]
    for (const end of this.ends ?? []) commands.push(end)
    this.ends = undefined
    this.againMs = Number.POSITIVE_INFINITY
    this.stallMs = 0
    return commands
  }
}
