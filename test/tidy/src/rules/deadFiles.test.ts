import { describe, expect, it } from "vitest"
import { check, type Files, workspace } from "../fixture.js"
import { deadFiles } from "./deadFiles.js"

const queue = (files: Files) => workspace("packages/queue", { files })
const dead = (path: string) =>
  `packages/queue/${path}: nothing but perhaps its own test reaches it: import it, or remove it`

describe("dead files", () => {
  it("what the index leads to is alive", () => {
    const files = {
      "src/index.ts": 'export * from "./a.js"\n',
      "src/a.ts": 'export { b } from "./deep/b.js"\n',
      "src/deep/b.ts": 'import type { C } from "../c.js"\nexport const b: C = 1\n',
      "src/c.ts": "export type C = number\n",
    }
    expect(check(deadFiles, queue(files))).toEqual([])
  })

  it("a file that only its own test reaches is dead", () => {
    const files = {
      "src/index.ts": "export const x = 1\n",
      "src/a.ts": 'export { b } from "./b.js"\n',
      "src/a.test.ts": 'import { b } from "./a.js"\nb()\n',
      "src/b.ts": "export const b = () => 1\n",
    }
    expect(check(deadFiles, queue(files))).toEqual([dead("src/a.ts"), dead("src/b.ts")])
  })

  it("what helps tests is alive", () => {
    const files = {
      "src/a.test.ts": 'import { sample } from "./sample.js"\nsample()\n',
      "src/sample.ts": "export const sample = () => 1\n",
    }
    expect(check(deadFiles, queue(files))).toEqual([])
  })

  it("main, and a program that a path or a script names, is alive", () => {
    const files = {
      "src/index.ts": 'export const child = new URL("./child.js", import.meta.url)\n',
      "src/child.ts": "export {}\n",
      "src/other.ts": "export {}\n",
    }
    const scripts = { "package.json": '{"scripts":{"x":"node packages/queue/dist/tool.js"}}' }
    const main = queue({ ...files, "src/main.ts": "export {}\n", "src/tool.ts": "export {}\n" })
    expect(check(deadFiles, { ...scripts, ...main })).toEqual([dead("src/other.ts")])
  })
})
