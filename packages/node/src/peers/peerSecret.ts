/**
 * Owns: the fabric's peer secret: a file in the data directory that only its owner may read, made
 * once by whichever process is first. Nodes prove by it that they are nodes. It is never logged nor
 * put in errors.
 * Must not know: what it is compared with.
 *
 * Several processes may race: each writes a file of its own, made durable, and links it to the
 * name; the first link wins and everybody reads what is there. So nobody ever reads half a secret.
 */
import { randomBytes } from "node:crypto"
import { link, open, readFile, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import { skeinError, type Tagged } from "@skein/model"

export const peerSecretFile = "peer.secret"
const secretBytes = 32

/** Rejects with DirectoryUnusable. */
export const peerSecret = async (dir: string): Promise<string> => {
  const path = join(dir, peerSecretFile)
  try {
    return (await read(path)) ?? (await create(dir, path))
  } catch (cause) {
    if (cause instanceof Error && "_tag" in cause) throw cause
    throw unusable(`the peer secret cannot be read or made: ${codeOf(cause)}`)
  }
}

const read = async (path: string): Promise<string | undefined> => {
  let text: string
  try {
    // 0o77: whoever else could read it could pass for a node.
    if (((await stat(path)).mode & 0o77) !== 0) {
      throw unusable(`others may read ${peerSecretFile}: its mode must be 600`)
    }
    text = await readFile(path, "utf8")
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined
    throw cause
  }
  if (new RegExp(`^[0-9a-f]{${secretBytes * 2}}\n$`).test(text)) return text.trim()
  throw unusable(`${peerSecretFile} is not what a node wrote; delete it while no node runs`)
}

const create = async (dir: string, path: string): Promise<string> => {
  const own = join(dir, `${peerSecretFile}.${randomBytes(8).toString("hex")}`)
  const file = await open(own, "wx", 0o600)
  try {
    await file.writeFile(`${randomBytes(secretBytes).toString("hex")}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(own, path)
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
  } finally {
    await unlink(own)
  }
  const secret = await read(path)
  if (secret === undefined) throw unusable(`${peerSecretFile} vanished`)
  return secret
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : "?"

const unusable = (detail: string): Tagged<"DirectoryUnusable"> =>
  skeinError("DirectoryUnusable", detail)
