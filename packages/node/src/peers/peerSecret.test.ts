import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { peerSecret, peerSecretFile } from "./peerSecret.js"

let dir = ""
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "skein-peer-"))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

it("many that race get the same secret, in one file that only its owner reads", async () => {
  const secrets = await Promise.all(Array.from({ length: 20 }, () => peerSecret(dir)))
  expect(new Set(secrets).size).toBe(1)
  expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/)
  expect(await readdir(dir)).toEqual([peerSecretFile])
  expect((await stat(join(dir, peerSecretFile))).mode & 0o777).toBe(0o600)
  expect(await peerSecret(dir)).toBe(secrets[0])
})

it("each fabric has its own", async () => {
  const other = await mkdtemp(join(tmpdir(), "skein-peer-"))
  const [one, two] = await Promise.all([peerSecret(dir), peerSecret(other)])
  await rm(other, { recursive: true })
  expect(one).not.toBe(two)
})

it("others may read it, damaged, cannot be made: DirectoryUnusable, unshown", async () => {
  const secret = await peerSecret(dir)
  const path = join(dir, peerSecretFile)
  await chmod(path, 0o640)
  const readable = await peerSecret(dir).catch((error: Error) => error)
  expect(readable).toMatchObject({ _tag: "DirectoryUnusable" })
  expect(String(readable)).not.toContain(secret)
  await chmod(path, 0o600)
  await writeFile(path, secret.slice(0, 20))
  const damaged = await peerSecret(dir).catch((error: Error) => error)
  expect(damaged).toMatchObject({ _tag: "DirectoryUnusable" })
  expect(String(damaged)).not.toContain(secret.slice(0, 20))
  await expect(peerSecret(join(dir, "nowhere"))).rejects.toMatchObject({
    _tag: "DirectoryUnusable",
  })
})
