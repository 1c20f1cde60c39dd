/** Owns: who may import whom. Judged on manifests and on actual imports alike. */
import { driverUsers, insideOfNode, type Place, privateKinds } from "../House.js"
import type { Repository, Workspace } from "../Repository.js"
import type { Rule, Violation } from "../Violation.js"

export const layers: Rule = {
  promise: "a workspace imports only what lies in a lower layer and is meant for it",
  check: (repository) => {
    const byName = new Map(repository.workspaces.map((each) => [each.manifest.name, each]))
    return repository.workspaces.flatMap((from) => {
      const place = from.place
      if (place === undefined) {
        return [{ path: from.folder, message: "has no row in the table of test/tidy/src/House.ts" }]
      }
      return uses(repository, from).flatMap(({ name, path, line }): Violation[] => {
        const target = byName.get(name)
        const reason =
          target === undefined ? `${name} does not exist` : refusal(from, place, target)
        if (reason === undefined) return []
        return [line === undefined ? { path, message: reason } : { path, line, message: reason }]
      })
    })
  },
}

interface Use {
  readonly name: string
  readonly path: string
  readonly line?: number
}

/** Every mention of one of our packages: in the manifest and in imports. */
function uses(repository: Repository, from: Workspace): Use[] {
  const { dependencies, devDependencies, peerDependencies } = from.manifest
  const path = `${from.folder}/package.json`
  const stated = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
    .filter(isOurs)
    .map((name) => ({ name, path }))
  const imported = repository.sources
    .filter((source) => source.folder === from.folder)
    .flatMap((source) =>
      source.imports
        .filter((each) => isOurs(each.specifier))
        .map((each) => ({
          name: each.specifier.split("/").slice(0, 2).join("/"),
          path: source.path,
          line: each.line,
        })),
    )
  return [...stated, ...imported]
}

/** Why `from` may not use `target`, or undefined if it may. */
function refusal(from: Workspace, place: Place, target: Workspace): string | undefined {
  if (from === target) return undefined
  const at = target.place
  const name = target.manifest.name
  if (at === undefined) return `${name} has no row in the table of test/tidy/src/House.ts`
  if (place.imports === "nothing of ours") return `imports ${name}: it must share no code with it`
  if (privateKinds.includes(at.kind) && !privateKinds.includes(place.kind)) {
    return `imports ${name}, which is private: nothing of the product imports test or bench`
  }
  if (at.kind === "driver" && !mayNameDriver(from.folder, place)) {
    return `imports the driver ${name}: only ${driverUsers.join(", ")}, test and bench may`
  }
  if (isOutsider(from.folder, place) && isInsideOfNode(target.folder)) {
    return `imports ${name}, an inside of the node: use @skein/wire or @skein/client`
  }
  if (at.layer >= place.layer) {
    return `layer ${place.layer} imports ${name} of layer ${at.layer}: only lower layers may be`
  }
  return undefined
}

function mayNameDriver(folder: string, place: Place): boolean {
  return driverUsers.includes(folder) || privateKinds.includes(place.kind)
}

function isOutsider(folder: string, place: Place): boolean {
  return place.kind === "gateway" || (place.kind === "app" && folder !== "apps/skein")
}

function isInsideOfNode(folder: string): boolean {
  const name = folder.replace("packages/", "")
  return insideOfNode.some((inside) => name === inside || name.startsWith(`${inside}-`))
}

function isOurs(specifier: string): boolean {
  return specifier.startsWith("@skein/")
}
