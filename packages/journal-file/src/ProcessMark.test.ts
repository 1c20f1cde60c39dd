import { spawn } from "node:child_process"
import { describe, expect, it } from "vitest"
import { ownMark, processRuns } from "./ProcessMark.js"

const own = ownMark()
const runs = processRuns(own)

describe("telling processes apart", () => {
  it("a process runs; one whose pid was used again does not", () => {
    expect(runs(own)).toBe(true)
    expect(runs({ ...own, start: "" })).toBe(true)
    if (own.start !== "") expect(runs({ ...own, start: `${Number(own.start) - 1}` })).toBe(false)
  })

  it("one of an earlier boot does not run; of another container's it cannot be told", () => {
    expect(runs({ ...own, boot: "before" })).toBe(false)
    expect(runs({ ...own, pidSpace: "pid:[1]" })).toBeUndefined()
    expect(runs({ ...own, host: "elsewhere", boot: "other" })).toBeUndefined()
  })

  it("one that has ended does not run", async () => {
    const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" })
    const mark = { ...own, pid: child.pid ?? 0, start: "" }
    expect(runs(mark)).toBe(true)
    await new Promise((resolve) => child.on("exit", resolve))
    expect(runs(mark)).toBe(false)
  })
})
