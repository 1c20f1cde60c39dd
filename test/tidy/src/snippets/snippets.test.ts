/** The TypeScript of every Markdown file compiles against the built packages, as it stands. */
import { resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { readRepository } from "../Repository.js"
import { showAll } from "../Violation.js"
import { compile } from "./compile.js"
import { type Given, moduleOf, type Snippet, snippetsOf, unfenced } from "./Snippet.js"

const root = resolve(import.meta.dirname, "../../../..")

const supervision = [
  'import { Child, Policy, Supervisor } from "@skein/supervision"',
  'interface DiskFailed { readonly _tag: "DiskFailed" }',
  'interface PortClosed { readonly _tag: "PortClosed"; readonly retryable: boolean }',
  "declare const log: Child.Child<DiskFailed>",
  "declare const port: Child.Child<PortClosed>",
  "export function* program() {",
]

const client = [
  'import { connect, Queue } from "@skein/client"',
  'import { Schema } from "effect"',
  "const Order = Schema.Struct({ id: Schema.Int, customer: Schema.NonEmptyString })",
  "declare const ship: (order: typeof Order.Type) => Promise<void>",
]

const given: Readonly<Record<string, Given>> = {
  "packages/client/README.md": { before: client.join("; ") },
  "packages/supervision/README.md": { before: supervision.join("; "), after: "}" },
}

const markdown = [...readRepository(root).files].filter(([path]) => path.endsWith(".md"))
const moduleFor = (snippet: Snippet) => ({
  path: snippet.path,
  text: moduleOf(snippet, given[snippet.path]),
})

/** What a reader is promised not to compile: the text with one thing changed. */
const broken = (path: string, from: RegExp | string, to: string): Snippet => {
  const [, text] = markdown.find(([name]) => name === path) ?? ["", ""]
  const [snippet] = snippetsOf(path, text)
  expect(snippet?.text).toMatch(from)
  return { path, line: snippet?.line ?? 1, text: (snippet?.text ?? "").replace(from, to) }
}

describe("TypeScript in Markdown", () => {
  it("is between fences, so that it is checked", () => {
    const violations = showAll(markdown.flatMap(([path, text]) => unfenced(path, text)))
    expect(violations.join("\n")).toBe("")
  })

  it("compiles, and what is said not to compile does not", async () => {
    const snippets = markdown.flatMap(([path, text]) => snippetsOf(path, text))
    expect(snippets.length).toBeGreaterThan(5)
    const missing = /, PortClosed: .*(?= \},)/
    const bad = [
      broken("packages/supervision/README.md", missing, ""),
      broken("packages/supervision/README.md", '"escalate"', '"forget"'),
      broken("packages/client/README.md", "id: 1", 'id: "1"'),
    ]
    const said = await compile(root, [...snippets, ...bad].map(moduleFor))
    const good = showAll(said.slice(0, snippets.length).flat())
    // Not a comparison of arrays: its report would cut the list short.
    if (good.length > 0) throw new Error(`\n${good.join("\n")}`)
    const refused = said.slice(snippets.length).map(([first]) => `${first?.path}:${first?.line}`)
    const lineOf = (one: Snippet, text: string): number =>
      one.line + one.text.split("\n").findIndex((line) => line.includes(text))
    expect(refused).toEqual([
      `${bad[0]?.path}:${lineOf(bad[0] as Snippet, "errors:")}`,
      `${bad[1]?.path}:${lineOf(bad[1] as Snippet, "errors:")}`,
      `${bad[2]?.path}:${lineOf(bad[2] as Snippet, "publish(")}`,
    ])
  }, 60_000)
})

describe("Snippet", () => {
  const text = "a\n```ts\nconst b = 1\n\nb\n```\n```sh\nls\n```\n    const c = 1\n    prose\n"

  it("is found with its line, beside other languages", () => {
    expect(snippetsOf("x.md", text)).toEqual([{ path: "x.md", line: 3, text: "const b = 1\n\nb" }])
  })

  it("keeps its lines' numbers in its module", () => {
    const [snippet] = snippetsOf("x.md", text)
    const lines = moduleOf(snippet as Snippet, { before: "given", after: "}" }).split("\n")
    expect([lines[0], lines[2], lines[5]]).toEqual(["given", "const b = 1", "}"])
  })

  it("is missed where it is only indented", () => {
    expect(showAll(unfenced("x.md", text))).toEqual([
      "x.md:10: put TypeScript between ```ts and ```",
    ])
  })
})
