/**
 * Owns: the turns of one supervisor: handlers are posted from anywhere and run one after the other
 * in the loop's fiber, never in the fiber that posts.
 * Must not know: what the handlers do.
 *
 * It needs no limit of its own: a child has at most one start, one exit, one stop, one signal and
 * two timers under way, and each request comes from a fiber that waits for its answer.
 */
import { Effect } from "effect"

export class Inbox {
  private handlers: Array<() => void> = []
  private wake: (() => void) | undefined = undefined
  private over = false

  /** `onDefect` hears what a handler threw: a bug of the supervisor's own. */
  constructor(private readonly onDefect: (defect: unknown) => void) {}

  /** Runs until {@link end}. */
  readonly loop: Effect.Effect<void> = Effect.whileLoop({
    while: () => !this.over,
    body: () => this.turn,
    step: () => undefined,
  })

  post(handler: () => void): void {
    if (this.over) return
    this.handlers.push(handler)
    const wake = this.wake
    this.wake = undefined
    if (wake !== undefined) wake()
  }

  /** Ends the loop after this turn; what is posted later is dropped. */
  end(): void {
    this.over = true
  }

  private readonly turn: Effect.Effect<void> = Effect.suspend(() => {
    if (this.handlers.length > 0) {
      this.drain()
      // Children that fail at once, without backoff, must not keep others from running.
      return Effect.yieldNow()
    }
    return Effect.async<void>((resume) => {
      this.wake = () => resume(Effect.void)
    })
  })

  private drain(): void {
    const batch = this.handlers
    this.handlers = []
    for (const handler of batch) {
      try {
        handler()
      } catch (defect) {
        this.onDefect(defect)
      }
    }
  }
}
