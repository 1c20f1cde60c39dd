/**
 * Owns what must not outlive the bench: brokers, temporary directories. Ctrl-C and SIGTERM run
 * every undo in reverse order and exit 130; a second signal, or an exit for any other reason,
 * runs the synchronous part only (a signal to each process group, remove the directories).
 */
import { rmSync } from "node:fs"

const undos = new Set<() => Promise<void>>()
const groups = new Map<number, NodeJS.Signals>()
const dirs = new Set<string>()
let closing = false

/** Registers an undo; the returned function takes it off again. */
export const onCleanup = (undo: () => Promise<void>): (() => void) => {
  undos.add(undo)
  return () => undos.delete(undo)
}

/**
 * A process group that gets a signal when this process ends, however it ends. SIGTERM is for a
 * command that cleans up after itself.
 */
export const ownGroup = (pid: number, signal: NodeJS.Signals = "SIGKILL"): (() => void) => {
  groups.set(pid, signal)
  return () => groups.delete(pid)
}

/** A directory that is removed when this process ends. */
export const ownDir = (dir: string): (() => void) => {
  dirs.add(dir)
  return () => {
    dirs.delete(dir)
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Sends a signal to a process group; a group that has gone is no error. */
export const signalGroup = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}

export const runCleanup = async (): Promise<void> => {
  const pending = [...undos].reverse()
  undos.clear()
  for (const undo of pending) await undo().catch(() => undefined)
}

/** Installs the handlers; called once by each entry point. */
export const installCleanup = (): void => {
  process.on("exit", endNow)
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (closing) process.exit(130)
      closing = true
      process.stderr.write(`\n${signal}: stopping brokers\n`)
      void runCleanup().then(() => process.exit(130))
    })
  }
}

const endNow = (): void => {
  for (const [pid, signal] of groups) {
    try {
      process.kill(-pid, signal)
    } catch {
      // The group has ended already.
    }
  }
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
}
