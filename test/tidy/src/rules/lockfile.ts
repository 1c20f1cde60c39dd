/**
 * Owns: a lockfile from which `npm ci` installs the same everywhere: complete for every platform,
 * in step with the manifests, and silent about where packages come from.
 */
import type { Manifest, Repository } from "../Repository.js"
import type { Rule, Violation } from "../Violation.js"

interface Locked {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly optional?: boolean
  readonly extraneous?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
type Lock = Readonly<Record<string, Locked>>

const path = "package-lock.json"

export const lockfile: Rule = {
  promise: "the lockfile is complete, agrees with every package.json and names no registry",
  check: (repository) => {
    const text = repository.files.get(path)
    if (text === undefined) return [{ path, message: "is missing" }]
    const lock = (JSON.parse(text) as { packages: Lock }).packages
    return [
      ...Object.entries(lock).flatMap(([place, locked]) => entryFaults(place, locked)),
      ...Object.entries(lock).flatMap(([place, locked]) => missingBelow(lock, place, locked)),
      ...outOfStep(repository, lock),
    ]
  },
}

function entryFaults(place: string, locked: Locked): Violation[] {
  const fault = (message: string): Violation[] => [{ path, message: `${place}: ${message}` }]
  if (locked.extraneous === true) return fault("nothing asks for it; run npm install")
  if (locked.resolved !== undefined && locked.link !== true) return fault("names where it is from")
  if (!place.includes("node_modules/") || locked.link === true) return []
  if (locked.version === undefined) return fault("has no version")
  return locked.integrity === undefined ? fault("has no integrity") : []
}

/**
 * Builds for other platforms are optional, and must be there too: npm leaves out what it did not
 * find when the lockfile was made. What is itself optional can do without.
 */
function missingBelow(lock: Lock, place: string, locked: Locked): Violation[] {
  if (locked.link === true) return []
  const platforms = locked.optional === true ? {} : locked.optionalDependencies
  const wanted = { ...locked.dependencies, ...platforms }
  return Object.keys(wanted)
    .filter((name) => !found(lock, place, name))
    .map((name) => ({ path, message: `${place}: ${name} is not locked` }))
}

/** Node's own way up: the nearest node_modules that has it. */
function found(lock: Lock, place: string, name: string): boolean {
  for (let at = place; ; ) {
    if (`${at === "" ? "" : `${at}/`}node_modules/${name}` in lock) return true
    if (at === "") return false
    const up = at.lastIndexOf("/node_modules/")
    at = up >= 0 ? at.slice(0, up) : ""
  }
}

function outOfStep({ files, workspaces }: Repository, lock: Lock): Violation[] {
  const top = JSON.parse(files.get("package.json") ?? "{}") as Manifest
  return [{ folder: "", manifest: top }, ...workspaces].flatMap(({ folder, manifest }) => {
    const locked = lock[folder]
    if (locked === undefined) return [{ path, message: `${folder} is not locked; run npm install` }]
    return (["dependencies", "devDependencies"] as const)
      .filter((kind) => !sameEntries(manifest[kind], locked[kind]))
      .map((kind) => ({
        path,
        message: `${folder === "" ? "package.json" : folder}: other ${kind}; run npm install`,
      }))
  })
}

function sameEntries(
  a: Readonly<Record<string, string>> = {},
  b: Readonly<Record<string, string>> = {},
): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}
