import { describe, expect, it } from "vitest"
import { check } from "../fixture.js"
import { strangeWords, unfinished } from "./words.js"

/** Every word is put together here, so that the rule does not meet it in this file. */
const word = (...pieces: ReadonlyArray<string>) => pieces.join("")

describe("words", () => {
  it("work left in a comment is named with its line", () => {
    const text = `# a\n// ${word("TO", "DO")}: later\n${word("FIX", "ME")}\nmethods\n`
    expect(check(unfinished, { "a.md": text })).toEqual([
      `a.md:2: "${word("TO", "DO")}": do it now, or open an issue`,
      `a.md:3: "${word("FIX", "ME")}": do it now, or open an issue`,
    ])
  })

  it("a registry host is named with its line", () => {
    const host = word("registry.npm", "js.org")
    expect(check(strangeWords, { "a.json": `\n"https://${host}/x"` })).toEqual([
      `a.json:2: "${word("registry.npm", "js")}": name no registry: npm's settings decide`,
    ])
  })

  it("a path of one machine is named, a relative one is not", () => {
    const home = word("/ho", "me/ada/skein")
    const temporary = word("/t", "mp/x")
    const text = `cd ${home}\ncd ./work/x\nx = "${temporary}"\nhttps://a.example/home/x\n`
    const lines = check(strangeWords, { "a.md": text })
    expect(lines.map((line) => line.split(":")[1])).toEqual(["1", "3"])
  })

  it("ways around the compiler and the engine's storage are refused in code", () => {
    const text = [word("// @ts-", "ignore"), word("Persi", "sted")].join("\n")
    expect(check(strangeWords, { "a.ts": text })).toHaveLength(2)
    expect(check(strangeWords, { "a.md": text })).toEqual([])
  })
})
