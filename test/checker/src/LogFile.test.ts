import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { checkLogFiles, findLogFiles, logFileName } from "./LogFile.js"
import { formatRecord, lineLengthMax, parseRecord, splitMessageId } from "./LogRecord.js"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-checker-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const depth = { process: "o", queue: "q", op: "depth", phase: "ok", depth: 0 } as const
const line = (counter: number): string => formatRecord({ ...depth, counter, timeNs: counter })

const check = (text: string) => {
  writeFileSync(join(directory, logFileName("o")), text)
  writeFileSync(join(directory, "node.stderr"), "not a client log")
  return checkLogFiles(findLogFiles(directory))
}

describe("client log files", () => {
  it("may be torn at any byte of the last line", () => {
    const text = line(1) + line(2)
    for (let length = line(1).length + 1; length < text.length; length++) {
      const verdict = check(text.slice(0, length))
      expect(verdict.figures).toMatchObject({ lines: 1, tornLines: 1 })
      expect(verdict.ok).toBe(true)
    }
    expect(check(text).figures).toMatchObject({ lines: 2, tornLines: 0 })
  })

  it("may not be torn elsewhere", () => {
    const verdict = check(line(1).slice(0, 20) + line(2))
    expect(verdict.violations.logErrors).toBe(1)
    expect(verdict.ok).toBe(false)
  })

  it("are read in blocks that cut lines and characters", () => {
    const count = 30_000
    let text = ""
    for (let counter = 0; counter < count; counter++) {
      text += formatRecord({ ...depth, queue: "Grüße-☃", counter, timeNs: counter })
    }
    const verdict = check(text)
    expect(verdict.figures.lines).toBe(count)
    expect(verdict.finalDepths).toEqual({ "Grüße-☃": 0 })
    expect(verdict.ok).toBe(true)
  })

  it("refuse a line without end", () => {
    const verdict = check(`${"x".repeat(20 * lineLengthMax)}\n${line(1)}`)
    expect(verdict.violations.logErrors).toBe(1)
    expect(verdict.figures.lines).toBe(2)
  })
})

describe("a record", () => {
  const deliver = {
    process: "c",
    counter: 1,
    queue: "q",
    timeNs: 9,
    op: "deliver",
    phase: "ok",
    id: "p-1",
    body: "0123456789ab",
    redelivered: false,
    failed: 0,
    returned: 0,
    tag: ["g", 1, 1, 1],
    sinceNs: 8,
  }

  it("is refused with the name of the bad field", () => {
    expect(parseRecord(JSON.stringify(deliver))).toEqual(deliver)
    const bad: ReadonlyArray<readonly [object, string]> = [
      [{ process: "" }, "bad process"],
      [{ counter: -1 }, "bad counter"],
      [{ counter: 1.5 }, "bad counter"],
      [{ queue: 7 }, "bad queue"],
      [{ timeNs: "9" }, "bad timeNs"],
      [{ op: "browse" }, "unknown op"],
      [{ phase: "invoke" }, "bad phase"],
      [{ body: "0123" }, "bad body hash"],
      [{ redelivered: 1 }, "bad redelivered"],
      [{ failed: -1 }, "bad failed or returned"],
      [{ sinceNs: 10 }, "asked after it arrived"],
      [{ tag: ["g", 1, 1] }, "bad tag"],
    ]
    for (const [fields, problem] of bad) {
      expect(parseRecord(JSON.stringify({ ...deliver, ...fields }))).toBe(problem)
    }
    expect(parseRecord("[1")).toBe("not JSON")
    expect(parseRecord("7")).toBe("not an object")
  })

  it("is named by process and counter", () => {
    expect(splitMessageId("a-b-17")).toEqual({ process: "a-b", counter: 17 })
    for (const id of ["", "-1", "a-", "a-01", "a-1.5", "a-1e3", "a--", "a-99999999999999999"]) {
      expect(splitMessageId(id), id).toBeUndefined()
    }
  })
})
