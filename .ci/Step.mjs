// Owns: how one step of the preparation looks: a line with a running clock on a terminal, silence
// elsewhere, and the step's whole output when it fails.
import { endAs, runChild } from "./Child.mjs"

const tickMs = 200

/** Runs a step; answers whether it succeeded. A step that a signal ended ends this process. */
export async function step(title, command, args) {
  const output = []
  const stopClock = startClock(title)
  const end = await runChild(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    onSpawn: (child) => {
      child.stdout.on("data", (chunk) => output.push(chunk))
      child.stderr.on("data", (chunk) => output.push(chunk))
    },
  })
  stopClock()
  if (end.signal !== null) endAs(end)
  if (end.code === 0) return true
  process.stderr.write(`${Buffer.concat(output).toString()}\n${title}: failed\n`)
  return false
}

function startClock(title) {
  if (process.stderr.isTTY !== true) return () => {}
  const startedAt = performance.now()
  const draw = () => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    process.stderr.write(`\r\x1b[K${title} … ${seconds} s`)
  }
  draw()
  const timer = setInterval(draw, tickMs)
  return () => {
    clearInterval(timer)
    process.stderr.write("\r\x1b[K")
  }
}
