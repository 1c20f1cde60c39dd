import { describe, expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { lockfile } from "./lockfile.js"

const effect = { version: "3.22.4", integrity: "sha512-a" }
const model = { name: "@skein/model", dependencies: { effect: "3.22.4" } }

function locked(packages: Readonly<Record<string, unknown>>) {
  return {
    "package.json": JSON.stringify({ devDependencies: { turbo: "2.11.9" } }),
    "package-lock.json": JSON.stringify({
      packages: {
        "": { devDependencies: { turbo: "2.11.9" } },
        "packages/model": model,
        "node_modules/@skein/model": { resolved: "packages/model", link: true },
        "node_modules/effect": effect,
        "node_modules/turbo": { version: "2.11.9", integrity: "sha512-t" },
        ...packages,
      },
    }),
    ...workspace("packages/model", { dependencies: model.dependencies }),
  }
}

describe("lockfile", () => {
  it("complete and in step", () => {
    expect(check(lockfile, locked({}))).toEqual([])
  })

  it("its absence is named", () => {
    expect(check(lockfile, {})).toEqual(["package-lock.json: is missing"])
  })

  it("an entry that names where it is from is refused", () => {
    const resolved = "https://somewhere.example/effect.tgz"
    expect(check(lockfile, locked({ "node_modules/effect": { ...effect, resolved } }))).toEqual([
      "package-lock.json: node_modules/effect: names where it is from",
    ])
  })

  it("an entry needs version and integrity, and somebody who asks for it", () => {
    const packages = {
      "node_modules/a": { integrity: "sha512-a" },
      "node_modules/b": { version: "1.0.0" },
      "node_modules/c": { ...effect, extraneous: true },
    }
    expect(check(lockfile, locked(packages))).toEqual([
      "package-lock.json: node_modules/a: has no version",
      "package-lock.json: node_modules/b: has no integrity",
      "package-lock.json: node_modules/c: nothing asks for it; run npm install",
    ])
  })

  it("dependencies are locked, for every platform too", () => {
    const packages = {
      "node_modules/effect": { ...effect, dependencies: { near: "1", far: "1", gone: "1" } },
      "node_modules/far": effect,
      "node_modules/effect/node_modules/near": effect,
      "node_modules/turbo": { ...effect, optionalDependencies: { "turbo-windows": "2.11.9" } },
    }
    expect(check(lockfile, locked(packages))).toEqual([
      "package-lock.json: node_modules/effect: gone is not locked",
      "package-lock.json: node_modules/turbo: turbo-windows is not locked",
    ])
  })

  it("a workspace that changed or is new is named", () => {
    const files = {
      ...locked({}),
      ...workspace("packages/model", { dependencies: { effect: "3.22.5" } }),
      ...workspace("packages/queue"),
    }
    expect(check(lockfile, files)).toEqual([
      "package-lock.json: packages/model: other dependencies; run npm install",
      "package-lock.json: packages/queue is not locked; run npm install",
    ])
  })
})
