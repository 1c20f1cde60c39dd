/** Owns: what of other people's code may come along at run time, and that each is accounted for. */
import { sizes } from "../House.js"
import type { Repository } from "../Repository.js"
import type { Rule, Violation } from "../Violation.js"

export const dependencies: Rule = {
  promise: `fewer than ${sizes.runtimeDependenciesMax} runtime dependencies, exact and explained`,
  check: (repository) => {
    const names = runtimeDependencies(repository)
    return [
      ...tooMany(names),
      ...unexplained(repository, names),
      ...inexact(repository),
      ...atOdds(repository),
    ]
  },
}

/** What packages/ and apps/ bring along, beside one another. */
function runtimeDependencies({ workspaces }: Repository): ReadonlyArray<string> {
  const names = workspaces
    .filter(({ folder }) => /^(packages|apps)\//.test(folder))
    .flatMap(({ manifest }) => Object.keys(manifest.dependencies ?? {}))
    .filter((name) => !name.startsWith("@skein/"))
  return [...new Set(names)].sort()
}

function tooMany(names: ReadonlyArray<string>): Violation[] {
  if (names.length < sizes.runtimeDependenciesMax) return []
  const message = `${names.length} runtime dependencies, fewer than ${sizes.runtimeDependenciesMax}`
  return [{ path: "packages", message: `${message} are allowed: ${names.join(", ")}` }]
}

function unexplained({ files }: Repository, names: ReadonlyArray<string>): Violation[] {
  const path = "ARCHITECTURE.md"
  const text = files.get(path)
  if (text === undefined) return []
  return names
    .filter((name) => !new RegExp(`(^|[^\\w@/-])${name}([^\\w/-]|$)`, "m").test(text))
    .map((name) => ({ path, message: `does not say why ${name} is a runtime dependency` }))
}

interface Stated {
  readonly path: string
  readonly name: string
  readonly version: string
}

function stated({ files, workspaces }: Repository): Stated[] {
  const top = JSON.parse(files.get("package.json") ?? "{}")
  return [{ folder: ".", manifest: top }, ...workspaces].flatMap(({ folder, manifest }) =>
    Object.entries({ ...manifest.devDependencies, ...manifest.dependencies }).map(
      ([name, version]) => ({
        path: folder === "." ? "package.json" : `${folder}/package.json`,
        name,
        version: String(version),
      }),
    ),
  )
}

function inexact(repository: Repository): Violation[] {
  return stated(repository)
    .filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(({ path, name, version }) => ({ path, message: `${name} "${version}": pin one version` }))
}

/** One version of each in the whole house. */
function atOdds(repository: Repository): Violation[] {
  const first = new Map<string, Stated>()
  return stated(repository).flatMap((each) => {
    const before = first.get(each.name)
    if (before === undefined) first.set(each.name, each)
    if (before === undefined || before.version === each.version) return []
    const message = `${each.name} ${each.version}, but ${before.version} in ${before.path}`
    return [{ path: each.path, message }]
  })
}
