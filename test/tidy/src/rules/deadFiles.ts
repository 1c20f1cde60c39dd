/**
 * Owns: files that nothing reaches. A file lives if an entry leads to it: by imports, or by its
 * name in a string (a child process or worker is started by path). Its own test does not count.
 */
import { startedByPath } from "../House.js"
import type { Repository, Workspace } from "../Repository.js"
import { resolvePath, type Source, stringOf, walk } from "../Source.js"
import type { Rule } from "../Violation.js"

export const deadFiles: Rule = {
  promise: "every source is reached from an entry, and not by its own test alone",
  check: (repository) => {
    const alive = aliveFiles(repository)
    return repository.sources
      .filter(({ path, isTest }) => !isTest && !alive.has(path))
      .map(({ path }) => ({
        path,
        message: "nothing but perhaps its own test reaches it: import it, or remove it",
      }))
  },
}

function aliveFiles(repository: Repository): ReadonlySet<string> {
  const byPath = new Map(repository.sources.map((source) => [source.path, source]))
  const alive = new Set<string>()
  const enter = (path: string, from?: Source): void => {
    const source = byPath.get(path)
    if (source === undefined || alive.has(path)) return
    if (from?.isTest === true && path === from.path.replace(/\.test\.ts$/, ".ts")) return
    alive.add(path)
    for (const next of reachedFrom(source, byPath)) enter(next, source)
  }
  for (const path of entries(repository)) enter(path)
  return alive
}

function entries(repository: Repository): string[] {
  const tests = repository.sources.filter(({ isTest }) => isTest).map(({ path }) => path)
  const scripts = repository.files.get("package.json") ?? ""
  return [
    ...repository.workspaces.flatMap((workspace) => workspaceEntries(workspace)),
    ...builtFiles(scripts, ""),
    ...Object.keys(startedByPath),
    ...tests,
  ]
}

function workspaceEntries({ folder, manifest }: Workspace): string[] {
  const stated = JSON.stringify([manifest.exports, manifest.bin, manifest.scripts])
  return [`${folder}/src/index.ts`, `${folder}/src/main.ts`, ...builtFiles(stated, `${folder}/`)]
}

/** The sources of the built files that a text names. */
function builtFiles(text: string, prefix: string): string[] {
  return [...text.matchAll(/([\w./-]*\bdist\/[\w./-]+)\.js/g)].map(
    ([, file = ""]) => `${prefix}${file.replace(/^\.\//, "").replace("dist/", "src/")}.ts`,
  )
}

function reachedFrom(source: Source, byPath: ReadonlyMap<string, Source>): string[] {
  const imported = new Set(source.imports.map(({ specifier }) => specifier))
  const named = new Set<string>()
  walk(source.program, (node) => {
    const text = stringOf(node)
    if (text === undefined || imported.has(text) || !/\.[jt]s$/.test(text)) return
    named.add(`/${text.split("/").at(-1)}`.replace(/\.js$/, ".ts"))
  })
  const byName = [...byPath.keys()].filter(
    (path) => path.startsWith(`${source.folder}/`) && named.has(path.slice(path.lastIndexOf("/"))),
  )
  const byImport = [...imported]
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => resolvePath(source.path, specifier).replace(/\.js$/, ".ts"))
  return [...byImport, ...byName]
}
