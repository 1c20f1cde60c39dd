/** Owns: the real clock of a process. Timers do not keep the process alive by themselves. */
import type { Clock } from "@skein/model"

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, Math.max(0, delayMs))
    timer.unref()
    return () => clearTimeout(timer)
  },
  defer: (run) => {
    setImmediate(run)
  },
}
