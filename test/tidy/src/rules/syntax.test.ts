import { expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { syntax } from "./syntax.js"

it("a file that does not parse is named", () => {
  const files = { "src/a.ts": "export const = 1\n", "src/b.ts": "export const b = 1\n" }
  const lines = check(syntax, workspace("packages/queue", { files }))
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) expect(line).toContain("packages/queue/src/a.ts: ")
})
