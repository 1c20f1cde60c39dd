/** Owns: through which doors code enters: package exports, and one file for the engine. */
import { engine } from "../House.js"
import type { Repository, Workspace } from "../Repository.js"
import { type Import, resolvePath, type Source } from "../Source.js"
import type { Rule, Violation } from "../Violation.js"

export const exportsOnly: Rule = {
  promise: "packages meet only at their exports, and imports are stated and built first",
  check: (repository) => [
    ...repository.workspaces.flatMap((workspace) => workspaceDoors(repository, workspace)),
    ...pathsInTsconfigs(repository),
  ],
}

export const engineDoor: Rule = {
  promise: `what moves with Effect 4 enters a package through ${engine.file} alone`,
  check: (repository) =>
    repository.workspaces
      .filter(({ place }) => place?.kind !== "test" && place?.kind !== "bench")
      .flatMap(({ folder }) => repository.sources.filter((source) => source.folder === folder))
      .filter((source) => source.path !== `${source.folder}/${engine.file}` && !source.isTest)
      .flatMap((source) =>
        source.imports
          .filter(({ specifier }) =>
            engine.modules.some((name) => specifier === name || specifier.startsWith(`${name}/`)),
          )
          .map(({ specifier, line }) => ({
            path: source.path,
            line,
            message: `imports ${specifier}: export it again from ${engine.file} and import that`,
          })),
      ),
}

function workspaceDoors(repository: Repository, workspace: Workspace): Violation[] {
  const { folder, manifest } = workspace
  const stated = new Set(
    Object.keys({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.peerDependencies,
    }),
  )
  const referenced = references(repository, folder)
  return repository.sources
    .filter((source) => source.folder === folder)
    .flatMap((source) =>
      source.imports.flatMap((each) => {
        const message = closedDoor(source, each, manifest.name, stated, referenced, repository)
        return message === undefined ? [] : [{ path: source.path, line: each.line, message }]
      }),
    )
}

function closedDoor(
  source: Source,
  { specifier }: Import,
  self: string,
  stated: ReadonlySet<string>,
  referenced: ReadonlySet<string>,
  repository: Repository,
): string | undefined {
  if (specifier.startsWith(".")) {
    const target = resolvePath(source.path, specifier)
    if (target.startsWith(`${source.folder}/src/`)) return undefined
    return `imports ${target}: outside its own src, only package exports may be imported`
  }
  const parts = specifier.split("/")
  const name = parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/")
  if (!specifier.startsWith("@skein/")) return undefined
  if (parts.some((part) => part === "src" || part === "dist" || part === "internal")) {
    return `imports ${specifier}: import ${name}, or export what is missing`
  }
  if (name === self) return `imports itself by name: use a relative path`
  if (!stated.has(name)) return `imports ${name}, which its package.json does not state`
  const target = repository.workspaces.find((each) => each.manifest.name === name)
  if (target !== undefined && !referenced.has(target.folder)) {
    return `imports ${name}: add ${target.folder} to the references of its tsconfig.json`
  }
  return undefined
}

/** The folders that a workspace's tsconfig.json has built before it. */
function references(repository: Repository, folder: string): ReadonlySet<string> {
  const text = repository.files.get(`${folder}/tsconfig.json`) ?? "{}"
  const { references: list = [] } = JSON.parse(text) as { references?: { path: string }[] }
  return new Set(list.map(({ path }) => resolvePath(`${folder}/tsconfig.json`, path)))
}

function pathsInTsconfigs(repository: Repository): Violation[] {
  return [...repository.files]
    .filter(([path, text]) => /tsconfig[^/]*\.json$/.test(path) && /"paths"\s*:/.test(text))
    .map(([path]) => ({ path, message: "uses `paths`: packages resolve through their exports" }))
}
