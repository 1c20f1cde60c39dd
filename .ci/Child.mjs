// Owns: child processes that behave as if they had replaced this one.
//
// Tricky interleaving: Ctrl-C under `npm start` arrives twice, once from the terminal (which
// signals its whole foreground group) and once forwarded by npm. A node that takes a second
// signal as "stop at once" would then never stop cleanly. So a child gets a process group of its
// own, which the terminal does not reach, and a repeat of a signal within `repeatMsMax` is the
// same signal. A later repeat is passed on.
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]
const repeatMsDefault = 250

// No tool of this repository reports on its users.
const quietTools = {
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  DO_NOT_TRACK: "1",
}

/**
 * Runs a program to its end, passing signals on to it (`wholeGroup`: and to all that it started).
 * Answers its exit code, as a shell would state it, and the signal that ended it, if one did.
 * A signal repeated within `repeatMsMax` (milliseconds, 250) is passed on once.
 */
export function runChild(command, args, { env = process.env, stdio = "inherit", ...rest } = {}) {
  const child = spawn(command, args, {
    cwd: root,
    detached: process.platform !== "win32",
    env: { ...env, ...quietTools },
    stdio,
  })
  const { repeatMsMax = repeatMsDefault } = rest
  const release = forwardSignals(repeatMsMax, (signal) =>
    rest.wholeGroup ? process.kill(-child.pid, signal) : child.kill(signal),
  )
  rest.onSpawn?.(child)
  return new Promise((resolve) => {
    child.once("error", (cause) => {
      release()
      process.stderr.write(`${command} could not be started: ${cause.message}\n`)
      resolve({ code: 127, signal: null })
    })
    child.once("close", (code, signal) => {
      release()
      resolve({ code: code ?? 128 + constants.signals[signal], signal })
    })
  })
}

/** Runs a program in place of this one: its exit code, or the signal that ended it, is ours. */
export async function become(command, args, options) {
  endAs(await runChild(command, args, options))
}

/** Ends this process as a child ended. */
export function endAs({ code, signal }) {
  if (signal !== null) process.kill(process.pid, signal)
  process.exit(code)
}

function forwardSignals(repeatMsMax, send) {
  const sentAt = new Map()
  const onSignal = (signal) => {
    const now = performance.now()
    if (now - (sentAt.get(signal) ?? -Infinity) < repeatMsMax) return
    sentAt.set(signal, now)
    try {
      send(signal)
    } catch {
      // The child is gone already; its end is reported by its "close" event.
    }
  }
  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    for (const signal of signals) process.removeListener(signal, onSignal)
  }
}
