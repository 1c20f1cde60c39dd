/**
 * Owns: how long to wait before a restart. Pure: the random number arrives as a value.
 * Must not know: clocks, children.
 *
 * Exponential with a cap. Jitter only ever shortens the wait, so that the cap holds.
 */
import { supervisionLimits } from "./limits.js"

export interface Backoff {
  /** Wait before the first restart. 0 restarts at once. */
  readonly firstMs: number
  /** Each further restart within the intensity window waits this many times longer; >= 1. */
  readonly factor: number
  readonly maxMs: number
  /** Share of the wait that is left to chance, 0 (none) to 1 (from nothing to all of it). */
  readonly jitter: number
}

export const defaultBackoff: Backoff = {
  firstMs: supervisionLimits.backoffFirstDefaultMs,
  factor: 2,
  maxMs: supervisionLimits.backoffDefaultMaxMs,
  jitter: 0.2,
}

/** Restart at once, every time: the intensity alone bounds it. */
export const noBackoff: Backoff = { firstMs: 0, factor: 1, maxMs: 0, jitter: 0 }

/** What is wrong with the settings, or undefined. */
export const backoffFault = (backoff: Backoff): string | undefined => {
  const { firstMs, factor, maxMs, jitter } = backoff
  if (!(firstMs >= 0 && Number.isFinite(firstMs))) return `backoff.firstMs ${firstMs} is not >= 0`
  if (!(maxMs >= firstMs && Number.isFinite(maxMs)))
    return `backoff.maxMs ${maxMs} is below firstMs`
  if (!(factor >= 1 && Number.isFinite(factor))) return `backoff.factor ${factor} is not >= 1`
  if (!(jitter >= 0 && jitter <= 1)) return `backoff.jitter ${jitter} is not in 0..1`
  return undefined
}

/** Milliseconds to wait before restart number `attempt` (from 1); `random` is in [0, 1). */
export const delayMs = (backoff: Backoff, attempt: number, random: number): number => {
  const full = Math.min(backoff.maxMs, backoff.firstMs * backoff.factor ** (attempt - 1))
  // 0 * Infinity is NaN where firstMs is 0 and the power overflows.
  return Number.isNaN(full) ? 0 : full * (1 - backoff.jitter * random)
}
