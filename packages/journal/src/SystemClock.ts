/**
 * Owns: the real clock of a process. Its timers keep the process alive: what arms one cancels it
 * when it closes.
 */
import type { Clock } from "@skein/model"

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
  defer: (run) => {
    setImmediate(run)
  },
}
