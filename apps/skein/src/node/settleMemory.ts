/**
 * Owns: giving back what a start has used. Recovery and the loading of modules leave tens of MiB of
 * garbage; an idle node allocates so little that V8 would keep it for hours.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Clock } from "@skein/model"

/** Long enough for the first clients of a restart to be served before the pause of a collection. */
const afterMs = 2_000

/** Collects once, a little after the start. The answer takes it back. */
export const settleMemory = (clock: Clock): (() => void) =>
  clock.setTimer(afterMs, () => {
    setFlagsFromString("--expose-gc")
    const collect: unknown = runInNewContext("gc")
    setFlagsFromString("--no-expose-gc")
    if (typeof collect === "function") collect()
  })
