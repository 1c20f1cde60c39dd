import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parseArguments } from "../arguments/parseArguments.js"
import { skein } from "../grammar/commands.js"
import { temporaryDirectory } from "../testing/temporary.js"
import { readToken } from "./readToken.js"
import { resolveSettings } from "./resolveSettings.js"

const tokenOf = (argv: readonly string[], env: Record<string, string> = {}) =>
  readToken(resolveSettings(parseArguments(skein, ["config", ...argv]), env))

const tokenFile = (content: string, mode = 0o600): string => {
  const path = join(temporaryDirectory(), "token")
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe("readToken", () => {
  it("reads one line; the last line end is no part of the token", () => {
    expect(tokenOf(["--token-file", tokenFile("s3cret\r\n")])).toEqual({ token: "s3cret" })
  })

  it("C2: --token-file > SKEIN_TOKEN > a token file that a variable names", () => {
    const file = tokenFile("of-file")
    const env = { SKEIN_TOKEN: "of-env", SKEIN_TOKEN_FILE: file }
    expect(tokenOf(["--token-file", file], env).token).toBe("of-file")
    expect(tokenOf([], env).token).toBe("of-env")
    expect(tokenOf([], { SKEIN_TOKEN_FILE: file }).token).toBe("of-file")
    expect(tokenOf([]).token).toBeUndefined()
  })

  it("C4: warns of a token file that others can use", () => {
    const path = tokenFile("s3cret", 0o644)
    const { token, warning } = tokenOf(["--token-file", path])
    expect(token).toBe("s3cret")
    expect(warning).toBe(`token file ${path} can be used by others (mode 644): chmod 600 it`)
  })

  it.each([
    ["", "it is empty."],
    ["\n", "it is empty."],
    ["two words", "a token is one line of printable ASCII without spaces."],
    ["two\nlines", "a token is one line of printable ASCII without spaces."],
    ["x".repeat(2000), "it is larger than 1024 bytes."],
  ])("C4: refuses %j without repeating it", (content, problem) => {
    const path = tokenFile(content)
    expect(() => tokenOf(["--token-file", path])).toThrow(`token file ${path}: ${problem}`)
  })

  it("C3: says that a token file is missing, or a directory", () => {
    const dir = temporaryDirectory()
    expect(() => tokenOf(["--token-file", join(dir, "no")])).toThrow("it does not exist.")
    expect(() => tokenOf(["--token-file", dir])).toThrow("it is not a regular file.")
  })
})
