/**
 * Owns: one node as a child process: its start, what it says, its end.
 * Must not know: how many there are, whether it is started again.
 *
 * The child leads a process group of its own: a Ctrl-C in a terminal goes to the parent alone,
 * which then stops all nodes. It holds the reading end of a pipe from the parent (`--with-parent`)
 * and stops in order when that closes, so that no node outlives a parent that was killed.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { type Clock, limits } from "@skein/model"
import { stopWithinMs } from "../node/Shutdown.js"
import { type Listening, type NodeError, type NodeLine, readNodeLine } from "./nodeLine.js"

export interface NodeCommand {
  readonly name: string
  /** Program and arguments. */
  readonly argv: readonly [string, ...string[]]
}

export interface NodeEnd {
  readonly code: number | null
  readonly signal: string | null
  /** What it said before it ended. */
  readonly error?: NodeError
}

/** What a cluster needs of a node's process. */
export interface RunningNode {
  /** Pending for ever if it ends before. */
  readonly listening: Promise<Listening>
  /** Never rejects. */
  readonly ended: Promise<NodeEnd>
  /** Asks it to stop in order, once; resolves when it has ended, at the latest by force. */
  readonly stop: () => Promise<void>
  /** Ends it at once. */
  readonly kill: () => void
}

/** A node ends itself before, or should: this is only for one that cannot even do that. */
const killedAfterMs = stopWithinMs + limits.leaveWithinMs + 1_000

export const startNode = (
  { argv: [program, ...args] }: NodeCommand,
  clock: Clock,
  onLine: (line: NodeLine) => void,
): RunningNode => {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], detached: true })
  let error: NodeError | undefined
  let listens: (listening: Listening) => void = () => {}
  const listening = new Promise<Listening>((resolve) => {
    listens = resolve
  })
  const hear = (text: string): void => {
    const line = readNodeLine(text)
    if (line._tag === "Listening") listens(line.listening)
    if (line._tag === "Error") error = line.error
    onLine(line)
  }
  createInterface({ input: child.stdout }).on("line", hear)
  createInterface({ input: child.stderr }).on("line", hear)
  // It has ended: that is told by `ended`.
  child.stdin.on("error", () => {})
  const ended = new Promise<NodeEnd>((resolve) => {
    child.once("error", ({ message }) => {
      const failed = { code: "SKEIN_INTERNAL", detail: message, next: "", retryable: true }
      resolve({ code: null, signal: null, error: failed })
    })
    child.once("close", (code, signal) =>
      resolve({ code, signal, ...(error !== undefined && { error }) }),
    )
  })
  const kill = (): void => void child.kill("SIGKILL")
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    // A second SIGTERM would end it at once.
    stopping ??= stopChild()
    return stopping
  }
  const stopChild = async (): Promise<void> => {
    child.kill("SIGTERM")
    const cancel = clock.setTimer(killedAfterMs, kill)
    await ended
    cancel()
  }
  return { listening, ended, stop, kill }
}
