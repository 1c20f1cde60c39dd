/** Owns: the real clock, for those who bring none. */
import type { Clock } from "@skein/model"

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  defer: (run) => {
    setImmediate(run)
  },
}
