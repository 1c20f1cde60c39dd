/**
 * Faulty builds for the test of the test: preloaded into a node (`--import FILE?FAULT`), it changes
 * how that process looks at owner tokens, at the calls of the file system, and nothing else. No
 * line of the product is changed.
 *
 *   unchecked         the look at the token after the sync is taken out: what was there once, is
 *   early-check       a commit's look at the token comes before its write, not after its sync
 *   read-before-token a new owner reads what the former one left, seals it, and only then takes
 *                     the token
 */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { type FaultyBuildName, isFaultyBuild } from "./faultyBuilds.js"

const token = /\/shards\/s\d+\/owner\.\d+\.[^/]+$/
const { rename, statSync, unlinkSync } = fs

type Look = fs.Stats | undefined

/** Puts `look` in place of every look at a shard's token; the others stay as they are. */
const lookingAtTokens = (look: (path: string) => Look) => (path: fs.PathLike, options?: object) =>
  token.test(String(path)) ? look(String(path)) : statSync(path, options)

const lookNow = (path: string): Look => statSync(path, { throwIfNoEntry: false })

const unchecked = () => {
  const seen = new Map<string, Look>()
  const look = (path: string): Look => {
    const found = seen.get(path) ?? lookNow(path)
    if (found !== undefined) seen.set(path, found)
    return found
  }
  return { statSync: lookingAtTokens(look) }
}

const earlyCheck = () => {
  const known = new Set<string>()
  const early = new Map<string, Look>()
  const look = (path: string): Look => {
    known.add(path)
    if (!early.has(path)) return lookNow(path)
    const found = early.get(path)
    early.delete(path)
    return found
  }
  // The process asks for the file of a failpoint when it comes there: before the write.
  const unlink = (path: fs.PathLike): void => {
    if (String(path).endsWith("/commit.gathered")) {
      for (const each of known) early.set(each, lookNow(each))
    }
    unlinkSync(path)
  }
  return { statSync: lookingAtTokens(look), unlinkSync: unlink }
}

const readBeforeToken = () => {
  const pretended = new Map<string, string>()
  const look = (path: string): Look => {
    const from = pretended.get(path)
    pretended.delete(path)
    try {
      if (from !== undefined) fs.renameSync(from, path)
    } catch {
      // Another was quicker: the look says so.
    }
    return lookNow(path)
  }
  const renameLater = (from: fs.PathLike, to: fs.PathLike, done: fs.NoParamCallback): void => {
    if (!token.test(String(from)) || !token.test(String(to))) return rename(from, to, done)
    pretended.set(String(to), String(from))
    setImmediate(() => done(null))
  }
  return { statSync: lookingAtTokens(look), rename: renameLater }
}

const faults: Readonly<Record<FaultyBuildName, () => object>> = {
  unchecked,
  "early-check": earlyCheck,
  "read-before-token": readBeforeToken,
}

const fault = new URL(import.meta.url).search.slice(1)
if (!isFaultyBuild(fault)) throw new Error(`no faulty build ${fault}`)
Object.assign(fs, faults[fault]())
syncBuiltinESMExports()
