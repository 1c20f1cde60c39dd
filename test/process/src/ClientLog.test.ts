import { fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkLogFiles, findLogFiles } from "@skein/test-checker"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { adopt } from "./adopt.js"
import { ClientLog } from "./ClientLog.js"
import { findLogSources, readLogLines } from "./LogLines.js"
import { makeBody, readBodyId } from "./messageBody.js"
import { within } from "./within.js"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-log-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

describe("a client log", () => {
  const depth = { op: "depth", phase: "ok", queue: "q", depth: 0 } as const

  it("is read back by the checker", () => {
    const log = new ClientLog(directory, "observer", process.hrtime.bigint())
    const first = log.add([{ ...depth, counter: 1 }])
    const second = log.add([{ ...depth, counter: 2 }])
    expect(second).toBeGreaterThanOrEqual(first)
    log.close()
    const verdict = checkLogFiles(findLogFiles(directory))
    expect(verdict.ok).toBe(true)
    expect(verdict.figures.lines).toBe(2)
    expect(() => new ClientLog(directory, "observer", 0n)).toThrow(/EEXIST/)
  })

  it("holds every flushed line after kill -9", async () => {
    const module = new URL("../dist/ClientLog.js", import.meta.url).href
    const file = join(directory, "writer.mjs")
    writeFileSync(
      file,
      `import { ClientLog } from ${JSON.stringify(module)}
       const log = new ClientLog(${JSON.stringify(directory)}, "writer", 0n)
       for (let counter = 1; ; counter++) {
         log.add([${JSON.stringify(depth)}].map((each) => ({ ...each, counter })))
         log.flush()
         if (counter % 100 === 0) {
           await new Promise((resolve) => process.send(counter, resolve))
         }
       }`,
    )
    const child = adopt(fork(file))
    let flushed = 0
    const killed = new Promise<void>((resolve) => child.once("close", () => resolve()))
    child.on("message", (counter) => {
      flushed = counter as number
      if (flushed >= 2_000) child.kill("SIGKILL")
    })
    await within(killed, 20_000, "end of the writer")
    const { ok, figures } = checkLogFiles(findLogFiles(directory))
    expect(ok).toBe(true)
    expect(figures.lines).toBeGreaterThanOrEqual(flushed)
  })
})

describe("log lines", () => {
  it("are generated from the seed where there is no data", () => {
    const [one] = findLogSources(undefined, "1", join(directory, "a"))
    const [same] = findLogSources(undefined, "1", join(directory, "b"))
    const [other] = findLogSources(undefined, "2", join(directory, "c"))
    expect(one.origin).toBe("generated")
    expect(readLogLines(one.file)).toHaveLength(2_000)
    expect(readLogLines(one.file)).toEqual(readLogLines(same.file))
    expect(readLogLines(one.file)).not.toEqual(readLogLines(other.file))
  })

  it("are read from real files, whatever their line ends", () => {
    writeFileSync(join(directory, "Apache_2k.log"), "one\r\ntwo\r inside\n\nthree")
    const sources = findLogSources(directory, "1", directory)
    expect(sources).toEqual([
      { queue: "apache", file: join(directory, "Apache_2k.log"), origin: "real" },
    ])
    expect(readLogLines(sources[0].file)).toEqual(["one", "two\r inside", "three"])
  })
})

describe("a message body", () => {
  it("gives its id back, also of mangled bytes", () => {
    expect(readBodyId(makeBody("p-1", "a\nb"))).toBe("p-1")
    expect(readBodyId(new Uint8Array(0))).toBe("")
    expect(readBodyId(new Uint8Array(10_000).fill(65)).length).toBe(256)
  })
})
