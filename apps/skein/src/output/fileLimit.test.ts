import { skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { fileLimitError, loadFailure } from "./fileLimit.js"
import { shownError } from "./showError.js"

const emfile = Object.assign(new Error("too many open files"), { code: "EMFILE" })

describe("fileLimitError", () => {
  it("D2: names the limit, and what to do", () => {
    expect(fileLimitError(emfile, () => 64)).toEqual({
      code: "SKEIN_LIMIT_EXCEEDED",
      detail: "this process may have only 64 files open at a time (the limit `ulimit -n`)",
      next: "Raise the limit to 1024 or more, as in `ulimit -n 1024`.",
      retryable: false,
      exitCode: 1,
    })
  })

  it("finds the limit of this process by itself", () => {
    expect(fileLimitError(emfile)?.detail).toMatch(/only \d+ files/)
    expect(fileLimitError(emfile, () => undefined)?.detail).toContain("too few files")
  })

  it("tells the machine's limit from that of the process, and other errors from both", () => {
    const enfile = Object.assign(new Error("full"), { code: "ENFILE" })
    expect(fileLimitError(enfile)?.detail).toContain("the machine")
    for (const other of [new Error("x"), skeinError("QueueFull", "full"), undefined, "EMFILE"])
      expect(fileLimitError(other)).toBeUndefined()
  })

  it("is no fault of ours to report", () => {
    expect(shownError(emfile).next).toContain("ulimit -n 1024")
  })

  it("is written as JSON when JSON is asked for", () => {
    const { error } = JSON.parse(loadFailure(emfile, true)) as { error: { exitCode: number } }
    expect(error.exitCode).toBe(1)
    expect(loadFailure(emfile, false)).toMatch(/^SKEIN_LIMIT_EXCEEDED: .*\nnext: .*\n$/)
    expect(loadFailure(new Error("no"), true)).toBe("skein: Error: no\n")
  })
})
