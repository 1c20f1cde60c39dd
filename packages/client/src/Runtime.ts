/**
 * Owns: what the library takes from its surroundings: clock, randomness and the end of the current
 * tick. Tests bring their own.
 */
import { randomBytes } from "node:crypto"
import { nextTick } from "node:process"
import type { Clock, Random } from "@skein/model"
import { systemClock } from "./connection/SystemClock.js"

export interface Runtime {
  readonly clock: Clock
  readonly random: Random
  /** Calls `run` before the next I/O, after all promise continuations that are already due. */
  readonly endOfTick: (run: () => void) => void
}

export const systemRuntime: Runtime = {
  clock: systemClock,
  random: { bytes: (count) => randomBytes(count) },
  endOfTick: (run) => {
    nextTick(run)
  },
}

/** 128 random bits as 32 hexadecimal digits. */
export const randomHex128 = (random: Random): string =>
  Buffer.from(random.bytes(16)).toString("hex")

/** A number in [0, 1) with 32 random bits. */
export const randomFraction = (random: Random): number => {
  const bytes = random.bytes(4)
  return (bytes[0] * 0x1000000 + bytes[1] * 0x10000 + bytes[2] * 0x100 + bytes[3]) / 0x100000000
}

/** Exponential backoff with jitter: between half and all of `min * 2^attempt`, at most `max`. */
export const backoffMs = (
  random: Random,
  attempt: number,
  bounds: { readonly minMs: number; readonly maxMs: number },
): number => {
  const full = Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.min(attempt, 30))
  return full * (0.5 + 0.5 * randomFraction(random))
}
