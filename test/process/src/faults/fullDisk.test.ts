/**
 * A real file system that is full: publishes are refused, consuming goes on, room lets it recover.
 */
import { spawnSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it, onTestFinished, type TestContext } from "vitest"
import { clientOf, node, run, serve, temporaryDirectory } from "../cli/Command.js"

const MiB = 1024 * 1024

/** A file system of its own, so large; skips where this user may not mount. */
const tmpfs = (context: TestContext, bytes: number): string => {
  const dir = temporaryDirectory()
  const argv = ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", dir]
  const { status, stderr, error } = spawnSync("mount", argv, { encoding: "utf8" })
  if (status !== 0) context.skip(`cannot mount a tmpfs: ${error?.message ?? stderr.trim()}`)
  onTestFinished(() => void spawnSync("umount", ["-l", dir]))
  return dir
}

it("D2: disk full: publishes are refused, consuming goes on, and room ends it", async (context) => {
  const mounted = tmpfs(context, 160 * MiB)
  const dir = join(mounted, "data")
  const ballast = join(mounted, "ballast")
  writeFileSync(ballast, Buffer.alloc(48 * MiB))
  const started = await node(serve(), dir)
  const client = await clientOf(started.address)
  await client.declare("q")
  const handle = client.queue("q")
  const body = "x".repeat(64 * 1024)
  const publish16 = () =>
    Promise.allSettled(Array.from({ length: 16 }, () => handle.publish(body, { timeoutMs: 3_000 })))
  let [confirmed, unknown] = [0, 0]
  const refusals = new Set<string>()
  while (refusals.size === 0) {
    for (const result of await publish16()) {
      if (result.status === "fulfilled") confirmed += 1
      else {
        refusals.add(result.reason.code)
        if (result.reason.data.outcome === "unknown") unknown += 1
      }
    }
  }
  expect(refusals).toContain("SKEIN_DISK_FULL")

  const consumed = await run([
    "consume",
    "q",
    "--ack",
    "--count",
    "32",
    "--address",
    started.address,
  ])
  expect(consumed.code).toBe(0)
  const atMost = (left: number): readonly number[] =>
    Array.from({ length: unknown + 1 }, (_, at) => left + at)
  expect(atMost(confirmed - 32)).toContain((await client.show("q")).counts.total)

  rmSync(ballast)
  await handle.publish("there is room again", { timeoutMs: 20_000 })
  await started.kill()
  await started.start()
  expect(atMost(confirmed - 32 + 1)).toContain((await client.show("q")).counts.total)
})

it("D2: a disk that is full at the start is refused with the reason", async (context) => {
  const mounted = tmpfs(context, 4 * MiB)
  const { code, err } = await run(["node", "start", "--dir", join(mounted, "data"), "--port", "0"])
  expect(code).not.toBe(0)
  expect(err).toMatch(/SKEIN_(DISK_FULL|DIRECTORY_UNUSABLE)/)
  expect(err).not.toContain("consuming goes on")
  if (err.includes("SKEIN_DISK_FULL")) expect(err).toMatch(/needs at least \d+ free bytes/)
})

it("D2: a file system that is mounted read-only is refused with the reason", async (context) => {
  const mounted = tmpfs(context, 4 * MiB)
  expect(spawnSync("mount", ["-o", "remount,ro", mounted]).status).toBe(0)
  const { code, err } = await run(["node", "start", "--dir", join(mounted, "data"), "--port", "0"])
  expect(code).toBe(2)
  expect(err).toContain("SKEIN_DIRECTORY_UNUSABLE")
})
