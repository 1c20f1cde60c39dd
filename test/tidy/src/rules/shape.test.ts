import { describe, expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { columns, fileSizes, functionSizesWith, readmes, topLevelNames } from "./shape.js"

const lines = (count: number) => "x()\n".repeat(count)

/** A function of this many lines. */
const functionOf = (count: number, name = "big") =>
  `export function ${name}() {\n${lines(count - 2)}}\n`

const source = (text: string, path = "src/a.ts") =>
  workspace("packages/queue", { files: { [path]: text } })

describe("shape", () => {
  it("a stray file or folder at the top is named", () => {
    const files = { "README.md": "", ".editorconfig": "", "notes.md": "", "scripts/a.sh": "" }
    expect(check(topLevelNames, files)).toEqual([
      "notes.md: does not belong at the top level",
      "scripts: does not belong at the top level",
    ])
  })

  it("sources and tests have their own limits", () => {
    expect(check(fileSizes, source(lines(700)))).toEqual([])
    expect(check(fileSizes, source(lines(701)))).toEqual([
      "packages/queue/src/a.ts: 701 lines, at most 700: split it by noun or command",
    ])
    expect(check(fileSizes, source(lines(1000), "src/a.test.ts"))).toEqual([])
    expect(check(fileSizes, source(lines(1001), "src/a.test.ts"))).toHaveLength(1)
  })

  it("columns are counted as characters, and an address may be long", () => {
    const text = `// ${"é".repeat(97)}\n// ${"e".repeat(98)}\n// https://${"e".repeat(98)}\n`
    expect(check(columns, source(text))).toEqual(["packages/queue/src/a.ts:2: 101 columns"])
  })

  it("a README is there once a package has begun, and is short", () => {
    expect(check(readmes, source("export {}\n", "src/index.ts"))).toEqual([])
    expect(check(readmes, source("export const a = 1\n"))).toEqual([
      "packages/queue/README.md: is missing: what it owns, must not know, invariants, " +
        "how it is tested",
    ])
    const long = { ...source("export const a = 1\n"), "packages/queue/README.md": lines(41) }
    expect(check(readmes, long)).toEqual(["packages/queue/README.md: 41 lines, at most 40"])
  })
})

describe("function sizes", () => {
  const rule = functionSizesWith({})

  it("counts from the first to the last line, methods and arrows too", () => {
    expect(check(rule, source(functionOf(70)))).toEqual([])
    expect(check(rule, source(functionOf(71)))).toEqual([
      "packages/queue/src/a.ts:1: big: 71 lines, at most 70",
    ])
    const others = `const f = () => {\n${lines(70)}}\nclass C {\n  m() {\n${lines(70)}}\n}\n`
    expect(check(rule, source(others))).toEqual([
      "packages/queue/src/a.ts:1: f: 72 lines, at most 70",
      "packages/queue/src/a.ts:74: m: 72 lines, at most 70",
    ])
  })

  it("a describe block is a list, its tests are functions", () => {
    const test = (count: number) => `it("long one", () => {\n${lines(count - 2)}})\n`
    const suite = (body: string) =>
      `export function suite() {\ndescribe("a", () => {\ndescribe("b", () => {\n${body}})\n})\n}\n`
    expect(check(rule, source(suite(test(40) + test(40))))).toEqual([])
    expect(check(rule, source(suite(test(71))))).toEqual([
      "packages/queue/src/a.ts:4: long one: 71 lines, at most 70",
    ])
  })

  it("a known giant may not grow, and its entry follows when it shrinks", () => {
    const ratchet = functionSizesWith({ "packages/queue/src/a.ts › big": 80 })
    expect(check(ratchet, source(functionOf(80)))).toEqual([])
    expect(check(ratchet, source(functionOf(81)))).toEqual([
      "packages/queue/src/a.ts:1: big: 81 lines, at most 80",
    ])
    expect(check(ratchet, source(functionOf(79)))).toEqual([
      "packages/queue/src/a.ts:1: big shrank: lower its giant to 79",
    ])
    expect(check(ratchet, source(functionOf(70)))).toEqual([
      "packages/queue/src/a.ts › big: is no giant any more: drop its entry",
    ])
  })
})
