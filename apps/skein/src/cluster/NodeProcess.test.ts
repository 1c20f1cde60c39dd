import { systemClock } from "@skein/journal"
import { describe, expect, it, onTestFinished } from "vitest"
import { startNode } from "./NodeProcess.js"
import type { NodeLine } from "./nodeLine.js"

const ready =
  `console.log(JSON.stringify({ event: "listening", address: "a:1", ` +
  `pid: process.pid, fabricId: "f" }))`
const stays = `setInterval(() => {}, 1000)`

const started = (program: string) => {
  const lines: NodeLine[] = []
  const argv = [process.execPath, "-e", program] as const
  const node = startNode({ name: "n1", argv }, systemClock, (line) => lines.push(line))
  onTestFinished(async () => {
    node.kill()
    await node.ended
  })
  return { node, lines }
}

describe("startNode", () => {
  it("hears where the process listens, and stops it by SIGTERM", async () => {
    const once = `process.on("SIGTERM", () => { console.error("bye"); process.exit(0) })`
    const { node, lines } = started(`${once};${stays};${ready}`)
    expect(await node.listening).toMatchObject({ address: "a:1", fabricId: "f" })
    await Promise.all([node.stop(), node.stop()])
    expect(await node.ended).toEqual({ code: 0, signal: null })
    expect(lines.filter(({ _tag }) => _tag === "Text")).toEqual([{ _tag: "Text", text: "bye" }])
  })

  it("tells why it ended", async () => {
    const error = { code: "SKEIN_X", detail: "no", next: "n", retryable: false }
    const { node } = started(
      `console.error(${JSON.stringify(JSON.stringify({ error }))});process.exitCode=7`,
    )
    expect(await node.ended).toEqual({ code: 7, signal: null, error })
  })

  it("holds a pipe that the process can watch", async () => {
    const { node } = started(`process.stdin.on("end", () => {});process.stdin.resume();${ready}`)
    await node.listening
    node.kill()
    expect(await node.ended).toEqual({ code: null, signal: "SIGKILL" })
  })

  it("a program that is not there has ended", async () => {
    const node = startNode({ name: "n1", argv: ["/none"] }, systemClock, () => {})
    expect((await node.ended).error?.detail).toContain("ENOENT")
  })
})
