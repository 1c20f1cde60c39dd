import { spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { exitCodeTable } from "../exitCodes.js"
import { skein } from "../grammar/commands.js"
import type { CommandSpec } from "../grammar/Grammar.js"
import { RunningSkein } from "../testing/RunningSkein.js"
import { completionScript } from "./effectCli.js"
import { helpText } from "./helpText.js"

const plain = { paintOut: (_: string, text: string) => text }

const leaves = (command: CommandSpec, path: readonly string[]): (readonly string[])[] =>
  command.commands?.flatMap((child) => leaves(child, [...path, child.name])) ?? [path]

describe("help", () => {
  it("names every command and every exit code", () => {
    const text = helpText(plain, skein, "0.1.0", [])
    for (const path of leaves(skein, [])) expect(text).toContain(`  ${path.join(" ")}`)
    for (const [code, meaning] of exitCodeTable)
      expect(text).toContain(`${code}`.padEnd(5) + meaning)
  })

  it("names every option of a command, within 80 columns", () => {
    for (const path of leaves(skein, [])) {
      const text = helpText(plain, skein, "0.1.0", path)
      let command = skein
      for (const word of path) command = command.commands?.find((c) => c.name === word) ?? command
      for (const { name } of command.options) expect(text).toContain(`--${name}`)
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
    }
  })

  it("a command that there is not has no help: the nearest is named, with exit 2", async () => {
    const running = await RunningSkein.open()
    const { code, out, err } = await running.run(["quee", "--help"])
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toContain("Did you mean 'queue'?")
    expect((await running.run(["queue", "lst", "-h"])).err).toContain("Did you mean 'list'?")
    expect((await running.run(["completion", "--help"])).code).toBe(2)
    expect((await running.run(["-o", "json", "queue", "--help"])).code).toBe(0)
  })

  it("is what --help, -h and no arguments show; bench passes --help on", async () => {
    const running = await RunningSkein.open()
    const all = (await running.run([])).out
    expect(all).toContain("Usage\n  skein COMMAND [OPTIONS]")
    expect((await running.run(["--help"])).out).toBe(all)
    expect((await running.run(["queue", "list", "-h"])).out).toContain("skein queue list [OPTIONS]")
    expect((await running.run(["queue", "--help"])).out).toContain("queue purge QUEUE")
  })
})

describe("completion", () => {
  const complete = (script: string, words: readonly string[]): readonly string[] => {
    const list = words.map((word) => `'${word}'`).join(" ")
    const given = `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}`
    const run = `${given}; _skein_bash_completions skein`
    const program = `complete() { :; }\n${script}\n${run}\nprintf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = spawnSync("bash", ["-c", program], { encoding: "utf8" })
    return stdout.split("\n").filter((line) => line !== "")
  }

  it("completes commands, options and choices in bash", async (context) => {
    if (spawnSync("bash", ["--version"]).status !== 0) context.skip("no bash here")
    const script = await completionScript(skein, "bash")
    expect(complete(script, ["skein", "qu"])).toEqual(["queue"])
    expect(complete(script, ["skein", "queue", "p"])).toEqual(["peek", "purge"])
    expect(complete(script, ["skein", "queue", "show", "--ti"])).toEqual(["--timeout"])
    expect(complete(script, ["skein", "node", "status", "--output", "j"])).toEqual(["json"])
    expect(complete(script, ["skein", "node", "start", "--lo"])).toEqual([])
  })

  it("knows every option in zsh and fish, and none that is not ours", async () => {
    for (const shell of ["zsh", "fish"] as const) {
      const script = await completionScript(skein, shell)
      expect(script).toContain("key-regexp")
      expect(script).not.toContain("log-level")
    }
  })

  it("C1: another shell is refused", async () => {
    const { code, err } = await (await RunningSkein.open()).run(["--completions", "tcsh"])
    expect(code).toBe(2)
    expect(err).toContain("one of bash, fish, zsh")
  })
})
