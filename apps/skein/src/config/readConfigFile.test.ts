import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { geteuid } from "node:process"
import { describe, expect, it } from "vitest"
import { UsageError } from "../arguments/UsageError.js"
import { temporaryDirectory } from "../testing/temporary.js"
import { readConfigFile } from "./readConfigFile.js"

const written = (content: Buffer | string): string => {
  const path = join(temporaryDirectory(), "skein.json")
  writeFileSync(path, content)
  return path
}

const problemOf = (path: string): string => {
  try {
    readConfigFile(path)
  } catch (cause) {
    if (cause instanceof UsageError) return cause.detail.replace(path, "F")
    throw cause
  }
  return "none"
}

describe("readConfigFile", () => {
  it("reads settings of every kind", () => {
    const path = written('{"port": 4118, "memory": true, "timeout": "5s", "$schema": "x"}')
    expect(readConfigFile(path)).toEqual({
      path,
      values: new Map<string, unknown>([
        ["port", 4118],
        ["memory", true],
        ["timeout", 5_000],
      ]),
    })
  })

  it.each([
    ['{"prot": 1}', "config file F: unknown key \"prot\". Did you mean 'port'?"],
    ['{"quux": 1}', 'config file F: unknown key "quux".'],
    ['{"__proto__": {"port": 1}}', 'config file F: unknown key "__proto__".'],
    ['{"port": "4117"}', 'config file F: "port" is a string: it takes a whole number from 0'],
    ['{"port": 70000}', 'config file F: "port" is "70000": it takes a whole number'],
    ['{"port": null}', 'config file F: "port" is null'],
    ['{"dir": ["a"]}', 'config file F: "dir" is an array'],
    ['{"memory": "true"}', 'config file F: "memory" is a string: it takes true or false'],
    ['{"timeout": 30}', 'config file F: "timeout" is a number: it takes a duration'],
    ['{"timeout": "30"}', 'config file F: "timeout" is "30", without a unit'],
    ["[]", "config file F: it is not one JSON object"],
    ["", "config file F: it is not JSON"],
    ["{port: 1}", "config file F: it is not JSON"],
  ])("C1: %s is refused, naming the key", (text, problem) => {
    expect(problemOf(written(text))).toContain(problem)
  })

  it("C3: a file that is named must be there; the default one need not", () => {
    const missing = join(temporaryDirectory(), "none.json")
    expect(problemOf(missing)).toBe("config file F: it does not exist.")
    expect(readConfigFile(undefined)).toBeUndefined()
  })

  it("C3: a directory is refused", () => {
    const path = join(temporaryDirectory(), "skein.json")
    mkdirSync(path)
    expect(problemOf(path)).toBe("config file F: it is a directory.")
  })

  it("C3: a device that never ends is refused", () => {
    expect(problemOf("/dev/zero")).toBe("config file F: it is not a regular file.")
  })

  it("C3: symbolic links in a circle are refused", () => {
    const path = join(temporaryDirectory(), "skein.json")
    symlinkSync(path, path)
    expect(problemOf(path)).toBe("config file F: its symbolic links lead in a circle.")
  })

  it("C3: a file that may not be read is refused", (context) => {
    if (geteuid?.() === 0) context.skip("root may read every file")
    const path = written("{}")
    chmodSync(path, 0)
    expect(problemOf(path)).toBe("config file F: it may not be read by this user.")
  })

  it("C3: a file of 1 GB is refused without reading it", () => {
    const path = written("{}")
    truncateSync(path, 1024 ** 3)
    expect(problemOf(path)).toBe("config file F: it has 1073741824 bytes, at most 1 MiB.")
  })

  it("C3: what is not UTF-8 is refused", () => {
    expect(problemOf(written(Buffer.from([0x7b, 0xff, 0x7d])))).toBe(
      "config file F: it is not UTF-8.",
    )
  })

  it("C3: a byte order mark and CRLF are fine", () => {
    const file = readConfigFile(written('\ufeff{\r\n  "port": 4118\r\n}\r\n'))
    expect(file?.values.get("port")).toBe(4118)
  })

  it("C4: a token in the config file is refused and not repeated", () => {
    const problem = problemOf(written('{"token": "s3cret"}'))
    expect(problem).toContain("a token does not belong in a config file")
    expect(problem).not.toContain("s3cret")
  })
})
