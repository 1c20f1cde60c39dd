/**
 * Owns: opening one connection where several nodes would do: the next is tried when one has failed
 * or has not answered for a while, the first that stands is kept, the others are given up.
 */
import { asSkeinError, type Clock, type SkeinError, skeinError } from "@skein/model"
import { Deferred, ignore } from "../Deferred.js"
import type { FabricConnection } from "./FabricConnection.js"

export type Attempt = (signal: AbortSignal) => Promise<FabricConnection>

/** Rejects with the last failure, or rather with one that no retry can help, when all failed. */
export const openAny = async (
  clock: Clock,
  attempts: readonly Attempt[],
  staggerMs: number,
  signal: AbortSignal,
): Promise<FabricConnection> => {
  if (attempts.length === 1) return attempts[0](signal)
  const won = new Deferred<FabricConnection>()
  const abort = new AbortController()
  const stop = (): void => {
    abort.abort()
    won.reject(skeinError("Aborted", "connecting was aborted"))
  }
  if (signal.aborted) stop()
  signal.addEventListener("abort", stop, { once: true })
  let next = 0
  let failures = 0
  let over = false
  let why: SkeinError | undefined
  let cancelTimer: () => void = ignore
  const begin = (): void => {
    cancelTimer()
    if (over || next === attempts.length) return
    const attempt = attempts[next++]
    cancelTimer = clock.setTimer(staggerMs, begin)
    attempt(abort.signal).then(
      (fabric) => {
        if (over) fabric.close().catch(ignore)
        else end(() => won.resolve(fabric))
      },
      (error: unknown) => {
        const failure = asSkeinError(error)
        if (why === undefined || why.retryable) why = failure
        failures++
        if (failures === attempts.length) end(() => won.reject(why))
        else begin()
      },
    )
  }
  const end = (tell: () => void): void => {
    if (over) return
    over = true
    cancelTimer()
    tell()
    abort.abort()
  }
  begin()
  try {
    return await won.promise
  } finally {
    over = true
    cancelTimer()
    signal.removeEventListener("abort", stop)
  }
}
