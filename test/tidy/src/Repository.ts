/**
 * Owns: the repository as a value: every text file by its path, its workspaces and their place in
 * the house. Rules see only this, so they run on fixtures of three lines as on the real tree.
 * It must not know any rule.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Place, places } from "./House.js"
import { parseSource, type Source } from "./Source.js"

export interface Manifest {
  readonly name: string
  readonly bin?: Readonly<Record<string, string>>
  readonly exports?: unknown
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export interface Workspace {
  /** For example `packages/queue`. */
  readonly folder: string
  readonly manifest: Manifest
  /** Undefined if the house has no row for this folder. */
  readonly place: Place | undefined
  /** False while the only source is an index that exports nothing. */
  readonly isBegun: boolean
}

export interface Repository {
  /** Path, with `/` and relative to the top, to text. */
  readonly files: ReadonlyMap<string, string>
  readonly workspaces: ReadonlyArray<Workspace>
  /** Every TypeScript file under a workspace's `src`. */
  readonly sources: ReadonlyArray<Source>
}

/** Built or fetched: never read. */
const ignoredFolders = new Set([".git", ".skein", ".turbo", "coverage", "dist", "node_modules"])
const binary = /\.(png|bin|dat|gz|tsbuildinfo)$/

/** Reads the tree under `root`. */
export function readRepository(root: string): Repository {
  const files: Record<string, string> = {}
  const enter = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) {
        if (!ignoredFolders.has(entry.name)) enter(path)
      } else if (path !== ".git" && !binary.test(path)) {
        files[path] = readFileSync(join(root, path), "utf8")
      }
    }
  }
  enter("")
  return repositoryOf(files)
}

/** A repository out of texts, for tests. */
export function repositoryOf(texts: Readonly<Record<string, string>>): Repository {
  const files = new Map(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1)))
  const folders = [...files.keys()]
    .filter((path) => path.endsWith("/package.json"))
    .map((path) => path.slice(0, -"/package.json".length))
  const sources = [...files]
    .filter(([path]) => /\/src\/.*\.ts$/.test(path) && !path.endsWith(".d.ts"))
    .flatMap(([path, text]) => {
      const folder = folders.find((candidate) => path.startsWith(`${candidate}/`))
      return folder === undefined ? [] : [parseSource(path, folder, text)]
    })
  const workspaces = folders.map((folder): Workspace => {
    const own = sources.filter((source) => source.folder === folder)
    return {
      folder,
      manifest: JSON.parse(files.get(`${folder}/package.json`) ?? "{}") as Manifest,
      place: placeOf(folder),
      isBegun: own.some((source) => source.text.trim() !== "export {}"),
    }
  })
  return { files, workspaces, sources }
}

/** The row of the house for a folder. */
export function placeOf(folder: string): Place | undefined {
  const exact = places[folder]
  if (exact !== undefined) return exact
  const row = Object.keys(places).find((pattern) =>
    new RegExp(`^${pattern.replaceAll("*", "[^/]*")}$`).test(folder),
  )
  return row === undefined ? undefined : places[row]
}
