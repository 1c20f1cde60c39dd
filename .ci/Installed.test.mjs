import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { isInstalled } from "./Installed.mjs"

const effect = { version: "3.22.4", integrity: "sha512-a" }
const otherPlatform = { version: "1.0.0", integrity: "sha512-b", optional: true }

let root = ""
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "skein-installed-"))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function write(file, packages) {
  mkdirSync(join(root, "node_modules"), { recursive: true })
  writeFileSync(join(root, file), JSON.stringify({ packages }))
}
const lock = (packages) => write("package-lock.json", { "": {}, "packages/queue": {}, ...packages })
const installed = (packages) => write("node_modules/.package-lock.json", packages)

describe("is everything installed?", () => {
  it("asks for an install when node_modules is absent", () => {
    lock({ "node_modules/effect": effect })
    expect(isInstalled(root)).toBe(false)
  })

  it("asks for an install when the lockfile names another version", () => {
    lock({ "node_modules/effect": { ...effect, version: "3.22.5" } })
    installed({ "node_modules/effect": effect })
    expect(isInstalled(root)).toBe(false)
  })

  it("asks for an install when a package or a workspace is new", () => {
    lock({ "node_modules/effect": effect, "node_modules/@skein/new": { link: true } })
    installed({ "node_modules/effect": effect })
    expect(isInstalled(root)).toBe(false)
  })

  it("asks for an install when an earlier one was cut off", () => {
    lock({ "node_modules/effect": effect })
    installed({ "node_modules/effect": effect })
    writeFileSync(join(root, "node_modules/.package-lock.json"), '{"packages": {')
    expect(isInstalled(root)).toBe(false)
  })

  it("asks for none when every package is there", () => {
    lock({ "node_modules/effect": effect, "node_modules/x-win32": otherPlatform })
    installed({ "node_modules/effect": effect })
    expect(isInstalled(root)).toBe(true)
  })
})
