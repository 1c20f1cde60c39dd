import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist")

const imported = (file: string): string[] =>
  [...readFileSync(file, "utf8").matchAll(/from "([^"]+)"|import\("([^"]+)"\)/g)].map(
    (match) => match[1] ?? match[2],
  )

/** Every declaration file of this package that is reached from `entry`, with what it imports. */
const reached = (entry: string): Map<string, string[]> => {
  const files = new Map<string, string[]>()
  const open = [entry]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue
    const names = imported(file)
    files.set(file, names)
    for (const name of names) {
      if (name.startsWith(".")) open.push(join(dirname(file), name.replace(/\.js$/, ".d.ts")))
    }
  }
  return files
}

it("the Promise API's declarations name no Effect", () => {
  const entry = join(dist, "index.d.ts")
  expect(existsSync(entry), "built").toBe(true)
  const files = reached(entry)
  expect(files.size).toBeGreaterThan(10)
  for (const [file, names] of files) {
    expect(
      names.filter((name) => name === "effect" || name.startsWith("effect/")),
      file,
    ).toEqual([])
  }
})
