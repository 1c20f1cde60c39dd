import { describe, expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { purity } from "./purity.js"

const queue = (text: string) => workspace("packages/queue", { files: { "src/a.ts": text } })

describe("purity", () => {
  it("values in, values out", () => {
    const text = [
      'import { Option, Schema } from "effect"',
      'import type { Effect } from "effect"',
      'import { pack } from "msgpackr"',
      'import { decide } from "./decide.js"',
      "export const at = (nowMs: number) => new Date(nowMs)",
      "export const date = Schema.Date",
    ].join("\n")
    expect(check(purity, queue(text))).toEqual([])
  })

  it("a runtime, a clock, randomness, I/O and async are each named", () => {
    const text = [
      'import { Effect, Schema } from "effect"',
      'import * as Clock from "effect/Clock"',
      'import { readFileSync } from "node:fs"',
      "export const a = async () => Date.now()",
      "export const b = () => Math.random() + performance.now()",
      "export const c = () => setTimeout(() => new Date(), 1)",
      "export const d = () => new Promise(() => process.pid)",
    ].join("\n")
    expect(check(purity, queue(text))).toEqual([
      "packages/queue/src/a.ts:1: pure code: takes Effect from effect",
      "packages/queue/src/a.ts:2: pure code: takes Clock from effect",
      "packages/queue/src/a.ts:3: pure code: imports node:fs",
      "packages/queue/src/a.ts:4: pure code: uses async",
      "packages/queue/src/a.ts:4: pure code: uses Date.now",
      "packages/queue/src/a.ts:5: pure code: uses Math.random",
      "packages/queue/src/a.ts:5: pure code: uses performance",
      "packages/queue/src/a.ts:6: pure code: uses setTimeout",
      "packages/queue/src/a.ts:6: pure code: uses new Date()",
      "packages/queue/src/a.ts:7: pure code: uses Promise",
      "packages/queue/src/a.ts:7: pure code: uses process",
    ])
  })

  it("a whole namespace of effect is refused", () => {
    expect(check(purity, queue('import * as E from "effect"\nexport const e = E\n'))).toEqual([
      "packages/queue/src/a.ts:1: pure code: takes * from effect",
    ])
  })

  it("values of the engine come in by the one file that the table allows", () => {
    const text = 'export { Rpc } from "@effect/rpc"\n'
    const at = (folder: string, file: string) =>
      check(purity, workspace(folder, { files: { [file]: text } }))
    expect(at("packages/wire", "src/Platform.ts")).toEqual([])
    expect(at("packages/wire", "src/a.ts")).toEqual([
      "packages/wire/src/a.ts:1: pure code: imports @effect/rpc",
    ])
    expect(at("packages/queue", "src/Platform.ts")).toEqual([
      "packages/queue/src/Platform.ts:1: pure code: imports @effect/rpc",
    ])
  })

  it("tests of pure code, and shells, may do more", () => {
    const files = { "src/a.test.ts": 'import { readFileSync } from "node:fs"\n' }
    expect(check(purity, workspace("packages/queue", { files }))).toEqual([])
    const shell = { "src/a.ts": "export const now = () => Date.now()\n" }
    expect(check(purity, workspace("packages/node", { files: shell }))).toEqual([])
  })
})
