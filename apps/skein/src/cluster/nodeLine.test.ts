import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { NodeLog } from "../node/NodeLog.js"
import { readNodeLine } from "./nodeLine.js"

const error = { code: "SKEIN_ADDRESS_IN_USE", detail: "taken", next: "another", retryable: false }

describe("readNodeLine", () => {
  it("knows what a node writes with --output json", () => {
    const listening = { address: "127.0.0.1:1", pid: 7, fabricId: "f" }
    const ready = JSON.stringify({ event: "listening", ...listening, dir: "d" })
    expect(readNodeLine(ready)).toEqual({ _tag: "Listening", listening })
    const log = { time: "T", level: "warn", text: "t" }
    expect(readNodeLine(JSON.stringify(log))).toEqual({ _tag: "Log", ...log })
    const failed = JSON.stringify({ error: { ...error, exitCode: 7 } })
    expect(readNodeLine(failed)).toEqual({ _tag: "Error", error })
  })

  it("takes everything else for text", () => {
    for (const line of ["", "Error: x", "null", "1", "{}", '{"event":"listening"}', "[]"])
      expect(readNodeLine(line)).toEqual({ _tag: "Text", text: line })
    FastCheck.assert(
      FastCheck.property(FastCheck.json(), (line) => {
        expect(["Text", "Log", "Error"]).toContain(readNodeLine(line)._tag)
      }),
    )
  })
})

describe("NodeLog.relay", () => {
  const written = (asJson: boolean, ...lines: readonly string[]): string => {
    let text = ""
    const terminal = {
      err: (more: string) => (text += more),
      paintErr: (_: string, t: string) => t,
    }
    const log = new NodeLog(terminal, asJson, { wallMs: () => 0 })
    for (const line of lines) log.relay("n2", readNodeLine(line))
    return text
  }
  const own = JSON.stringify({ time: "T", level: "info", text: "draining" })

  it("puts the node's name before what it says, and keeps its time", () => {
    expect(written(false, own, "crash\u001b[2J", JSON.stringify({ error }))).toBe(
      "T info n2: draining\n" +
        "1970-01-01T00:00:00.000Z warn n2: crash\\u{1b}[2J\n" +
        "1970-01-01T00:00:00.000Z error n2: SKEIN_ADDRESS_IN_USE: taken\n",
    )
  })

  it("names the node in JSON; where it listens is told by the announcement alone", () => {
    const ready = JSON.stringify({ event: "listening", address: "a", pid: 1, fabricId: "f" })
    expect(JSON.parse(written(true, ready, own))).toEqual({
      ...{ time: "T", node: "n2", level: "info", text: "draining" },
    })
  })
})
