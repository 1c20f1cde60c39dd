import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parseArguments } from "../arguments/parseArguments.js"
import { skein } from "../grammar/commands.js"
import { temporaryDirectory } from "../testing/temporary.js"
import { resolveSettings, settingsOf, showSetting, strayVariables } from "./resolveSettings.js"

const resolve = (argv: readonly string[], env: Record<string, string> = {}) =>
  resolveSettings(parseArguments(skein, ["config", ...argv]), env)

const shown = (argv: readonly string[], env: Record<string, string>, key: string): string => {
  const setting = resolve(argv, env).find((each) => each.key === key)
  return setting === undefined ? "none" : `${showSetting(setting)} by ${setting.source}`
}

const configFile = (text: string): string => {
  const path = join(temporaryDirectory(), "c.json")
  writeFileSync(path, text)
  return path
}

describe("resolveSettings", () => {
  it("C2: flag > environment > config file > default, each with its source", () => {
    const file = configFile('{"port": 4001, "timeout": "7s"}')
    const env = { SKEIN_PORT: "4002" }
    const named = ["--config", file]
    expect(shown([...named, "--port", "4003"], env, "port")).toBe("4003 by flag --port")
    expect(shown(named, env, "port")).toBe("4002 by environment SKEIN_PORT")
    expect(shown(named, {}, "port")).toBe(`4001 by file ${file}`)
    expect(shown(named, {}, "timeout")).toBe(`7s by file ${file}`)
    expect(shown([], {}, "port")).toBe("4117 by default")
    expect(shown([], {}, "shards")).toBe(" by not set")
  })

  it("C2: the config file itself is named by flag > environment", () => {
    const [one, two] = [configFile('{"port": 4001}'), configFile('{"port": 4002}')]
    expect(shown([], { SKEIN_CONFIG: one }, "port")).toBe(`4001 by file ${one}`)
    expect(shown(["--config", two], { SKEIN_CONFIG: one }, "port")).toBe(`4002 by file ${two}`)
  })

  it.each([
    ["SKEIN_PORT", "x", 'the variable SKEIN_PORT is "x": it takes a whole number'],
    ["SKEIN_PORT", "", "the variable SKEIN_PORT is empty."],
    ["SKEIN_TIMEOUT", "5", 'the variable SKEIN_TIMEOUT is "5", without a unit'],
    ["SKEIN_OUTPUT", "yaml", 'the variable SKEIN_OUTPUT is "yaml": it takes one of table, json'],
    ["SKEIN_CONFIG", "", "the variable SKEIN_CONFIG is empty."],
  ])("C1: %s=%s is refused", (name, value, detail) => {
    expect(() => resolve([], { [name]: value })).toThrow(detail)
  })

  it("C4: a token is masked wherever settings are shown", () => {
    const env = { SKEIN_TOKEN: "s3cret" }
    expect(shown([], env, "token")).toBe("******** by environment SKEIN_TOKEN")
    expect(settingsOf(resolve([], env)).token).toBe("s3cret")
    expect(() => resolve([], { SKEIN_TOKEN: "s3cret".repeat(1000) })).toThrow(
      /^the variable SKEIN_TOKEN is empty or too long\.$/,
    )
  })

  it("C1: a variable that is no setting names the nearest", () => {
    expect(strayVariables({ SKEIN_PROT: "1", SKEIN_TEST_DATA: "x", HOME: "/" })).toEqual([
      "SKEIN_PROT is no setting. Did you mean SKEIN_PORT?",
    ])
  })
})
