import { describe, expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { engineDoor, exportsOnly } from "./doors.js"

const model = workspace("packages/model", { files: { "src/Ids.ts": "export const a = 1\n" } })

function queue(text: string, references = ["../model"]) {
  const dependencies = { "@skein/model": "0.1.0" }
  return {
    ...model,
    ...workspace("packages/queue", { dependencies, references, files: { "src/a.ts": text } }),
  }
}

describe("package exports", () => {
  it("an import of a stated and referenced package is fine", () => {
    expect(check(exportsOnly, queue('export * from "@skein/model"\n'))).toEqual([])
  })

  it("a way around the exports is refused", () => {
    const text = [
      'export * from "@skein/model/dist/Ids.js"',
      'export * from "../../model/src/Ids.js"',
      'export * from "@skein/queue"',
    ].join("\n")
    expect(check(exportsOnly, queue(text))).toEqual([
      "packages/queue/src/a.ts:1: imports @skein/model/dist/Ids.js: " +
        "import @skein/model, or export what is missing",
      "packages/queue/src/a.ts:2: imports packages/model/src/Ids.js: " +
        "outside its own src, only package exports may be imported",
      "packages/queue/src/a.ts:3: imports itself by name: use a relative path",
    ])
  })

  it("an import is stated in package.json and in the references", () => {
    const text = 'export * from "@skein/wire"\nexport * from "@skein/model"\n'
    expect(check(exportsOnly, queue(text, []))).toEqual([
      "packages/queue/src/a.ts:1: imports @skein/wire, which its package.json does not state",
      "packages/queue/src/a.ts:2: imports @skein/model: " +
        "add packages/model to the references of its tsconfig.json",
    ])
  })

  it("tsconfig paths are refused", () => {
    const text = JSON.stringify({ compilerOptions: { paths: {} } })
    expect(check(exportsOnly, { "tsconfig.json": text })).toEqual([
      "tsconfig.json: uses `paths`: packages resolve through their exports",
    ])
  })
})

describe("the engine's door", () => {
  const text = 'import { Socket } from "@effect/platform"\nexport * from "@effect/rpc/RpcServer"\n'

  it("is one file of each package", () => {
    const files = { "src/Platform.ts": text, "src/Port.ts": text }
    expect(check(engineDoor, workspace("packages/node", { files }))).toEqual([
      "packages/node/src/Port.ts:1: imports @effect/platform: " +
        "export it again from src/Platform.ts and import that",
      "packages/node/src/Port.ts:2: imports @effect/rpc/RpcServer: " +
        "export it again from src/Platform.ts and import that",
    ])
  })

  it("is not for tests", () => {
    const files = { "src/Port.test.ts": text }
    expect(check(engineDoor, workspace("packages/node", { files }))).toEqual([])
  })
})
