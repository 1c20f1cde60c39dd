// Owns: what knip (unused exports and dependencies, imports that nobody states) takes as entries.
// Dead files are the business of test/tidy, which also knows those that only their test reaches.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { root } from "./Child.mjs"

const workspaces = ["packages", "apps", "test"].flatMap((group) =>
  readdirSync(join(root, group), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${group}/${entry.name}`),
)
workspaces.push("bench")

function sources(workspace) {
  const folder = join(root, workspace, "src")
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => ({ file: `src/${file}`, text: readFileSync(join(folder, file), "utf8") }))
}

/** A workspace whose index exports nothing yet; judging it would only say so. */
function hasBegun(workspace) {
  return sources(workspace).some(({ text }) => text.trim() !== "export {}")
}

/** Programs that are started by path: `X.js` stands in a string that is no import. */
function startedByPath(all) {
  const names = new Set(
    all.flatMap(({ text }) =>
      [...text.matchAll(/(?<!from |import |import\()"[^"\n]*?([\w.]+)\.js"/g)].map(
        ([, name]) => name,
      ),
    ),
  )
  return all.map(({ file }) => file).filter((file) => names.has(basename(file, ".ts")))
}

/** Programs that a script of the root starts. */
function startedByScript(workspace) {
  const scripts = Object.values(JSON.parse(readFileSync(join(root, "package.json"))).scripts)
  return scripts
    .map((script) => script.split(`run ${workspace}/dist/`)[1])
    .filter((file) => file !== undefined)
    .map((file) => `src/${file.replace(".js", ".ts")}`)
}

function configOf(workspace) {
  const programs = ["src/index.ts", "src/main.ts", "src/micro/*.ts"]
  const entry = [...programs, "src/**/*.test.ts", ...startedByScript(workspace)]
  return { entry: [...entry, ...startedByPath(sources(workspace))], project: ["src/**/*.ts"] }
}

export default {
  // Tools of the system: a test that needs one looks for it and skips with a reason.
  ignoreBinaries: ["script", "strace", "mount", "umount"],
  rules: {
    files: "off",
    // An exported type names what a signature takes or answers; it needs no second reader.
    types: "off",
    dependencies: "error",
  },
  ignoreExportsUsedInFile: true,
  workspaces: {
    ".": {
      entry: [".ci/*.mjs"],
      project: [".ci/**/*.mjs"],
      // vite: pins what vitest brings; turbo: started by path; @effect/vitest: for tests anywhere.
      ignoreDependencies: ["@effect/vitest", "turbo", "vite"],
    },
    ...Object.fromEntries(workspaces.filter(hasBegun).map((each) => [each, configOf(each)])),
  },
  ignoreWorkspaces: workspaces.filter((workspace) => !hasBegun(workspace)),
}
