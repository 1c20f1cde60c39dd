// Owns: what knip (dead files, unused and unlisted dependencies, unused exports) takes as entries.
// A workspace whose index exports nothing yet has not begun; judging it would only say so.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./Child.mjs"

const groups = ["packages", "apps", "test"]
const workspaces = groups.flatMap((group) =>
  readdirSync(join(root, group), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${group}/${entry.name}`),
)
workspaces.push("bench")

function notBegun(workspace) {
  const index = join(root, workspace, "src/index.ts")
  const files = existsSync(join(root, workspace, "src"))
    ? readdirSync(join(root, workspace, "src"))
    : []
  return (
    files.length <= 1 && existsSync(index) && readFileSync(index, "utf8").trim() === "export {}"
  )
}

export default {
  // An exported type names what a signature takes or answers; it needs no second reader.
  // A dependency that is stated before its use is a warning until every workspace is whole.
  rules: { types: "off", dependencies: "warn" },
  workspaces: {
    ".": {
      entry: [".ci/*.mjs"],
      project: [".ci/**/*.mjs"],
      // vite: pins what vitest brings; turbo: started by path; @effect/vitest: for tests anywhere.
      ignoreDependencies: ["@effect/vitest", "turbo", "vite"],
    },
    "*/*": { entry: ["src/index.ts", "src/**/*.test.ts"], project: ["src/**/*.ts"] },
  },
  ignoreWorkspaces: workspaces.filter(notBegun),
}
