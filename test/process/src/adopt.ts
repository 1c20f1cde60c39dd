/** Hands every child process to the reaper, so that none survives the run that started it. */
import { type ChildProcess, spawn } from "node:child_process"
import type { Socket } from "node:net"
import type { Writable } from "node:stream"
import { fileURLToPath } from "node:url"

const reaperMain = fileURLToPath(new URL("../dist/reaperMain.js", import.meta.url))

let reaper: Writable | undefined

/** Call at once after `spawn`; returns the same child. */
export const adopt = <T extends ChildProcess>(child: T): T => {
  const { pid } = child
  if (pid === undefined) return child
  const input = startReaper()
  input.write(`+${pid}\n`)
  child.once("exit", () => input.write(`-${pid}\n`))
  return child
}

const startReaper = (): Writable => {
  if (reaper !== undefined) return reaper
  const child = spawn(process.execPath, [reaperMain], { stdio: ["pipe", "ignore", "ignore"] })
  child.unref()
  const input = child.stdin as unknown as Socket
  input.unref()
  input.on("error", () => {
    reaper = undefined
  })
  reaper = input
  return input
}
