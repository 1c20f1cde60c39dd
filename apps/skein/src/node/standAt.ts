/**
 * Owns: standing still at failpoints, for tests of fencing: at a step whose name is that of a file
 * in a directory, this process takes the file away, says where it is, and stops by SIGSTOP until
 * somebody sends SIGCONT. Of several processes with one directory exactly one stops.
 * Loaded by a node only whose settings name such a directory.
 */
import { unlinkSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { Failpoint, Failpoints } from "@skein/journal"

export const standAt = (directory: string): Failpoints => ({
  hit: (at) => {
    if (taken(directory, at)) stand(at)
  },
})

const taken = (directory: string, at: Failpoint): boolean => {
  try {
    unlinkSync(join(directory, at))
    return true
  } catch {
    // Not there, or another process was quicker.
    return false
  }
}

const stand = (at: Failpoint): void => {
  // Past streams and their buffers: the next statement stops all threads of this process.
  writeSync(2, `stands at ${at}\n`)
  process.kill(process.pid, "SIGSTOP")
}
