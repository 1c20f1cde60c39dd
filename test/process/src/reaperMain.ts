/**
 * A process of its own that outlives its parent by a moment: it is told the pids of all children
 * (`+pid`, `-pid` on stdin) and kills those that are left when its stdin closes, which happens
 * however the parent ends, kill -9 included.
 */
import { createInterface } from "node:readline"

const alive = new Set<number>()

// Ctrl-C reaches the whole group; the parent's end is what this process waits for.
process.on("SIGINT", () => {})
process.on("SIGTERM", () => {})

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const pid = Number(line.slice(1))
    if (line.startsWith("+")) alive.add(pid)
    else alive.delete(pid)
  })
  .on("close", () => {
    for (const pid of alive) {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It has ended by itself.
      }
    }
  })
