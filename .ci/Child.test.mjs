import { spawn } from "node:child_process"
import { once } from "node:events"
import { describe, expect, it } from "vitest"

const childModule = new URL("./Child.mjs", import.meta.url).href

/** Counts the signals it gets and ends with 7 when its input says so. */
const program = `
  let count = 0
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => console.log("got " + signal + " " + ++count))
  }
  process.stdin.on("data", () => process.exit(7)).on("end", () => process.exit(8))
  console.log("up")
`

/** Starts `become(program)` in a process of its own. */
function start(repeatMsMax) {
  const wrapper = `
    import { become } from ${JSON.stringify(childModule)}
    const args = ["-e", ${JSON.stringify(program)}]
    await become(process.execPath, args, { repeatMsMax: ${repeatMsMax} })
  `
  const args = ["--input-type=module", "-e", wrapper]
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
  let seen = ""
  const waiting = new Set()
  child.stdout.on("data", (chunk) => {
    seen += chunk
    for (const check of waiting) check()
  })
  const saw = (text) =>
    new Promise((resolve) => {
      const check = () => {
        if (!seen.includes(text)) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  return { child, saw, output: () => seen.trim().split("\n") }
}

async function end(child) {
  child.stdin.write("end\n")
  const [code] = await once(child, "close")
  return code
}

describe("a child in place of this process", () => {
  it("passes SIGTERM on and exits with the program's code", async () => {
    const { child, saw, output } = start(60_000)
    await saw("up")
    child.kill("SIGTERM")
    await saw("got SIGTERM 1")
    expect(await end(child)).toBe(7)
    expect(output()).toEqual(["up", "got SIGTERM 1"])
  })

  it("takes the two SIGINT of one Ctrl-C as one", async () => {
    const { child, saw, output } = start(60_000)
    await saw("up")
    child.kill("SIGINT")
    await saw("got SIGINT 1")
    child.kill("SIGINT")
    // A signal of another kind, sent later, proves that the repeat had its chance.
    child.kill("SIGTERM")
    await saw("got SIGTERM 2")
    expect(await end(child)).toBe(7)
    expect(output()).toEqual(["up", "got SIGINT 1", "got SIGTERM 2"])
  })

  it("passes a later repeat on, which means at once", async () => {
    const { child, saw, output } = start(0)
    await saw("up")
    child.kill("SIGTERM")
    await saw("got SIGTERM 1")
    child.kill("SIGTERM")
    await saw("got SIGTERM 2")
    expect(await end(child)).toBe(7)
    expect(output()).toEqual(["up", "got SIGTERM 1", "got SIGTERM 2"])
  })
})
