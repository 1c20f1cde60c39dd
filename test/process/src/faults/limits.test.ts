/** D2: a machine that gives a node too little: few open files, a directory of somebody else's. */
import { spawnSync } from "node:child_process"
import { chmodSync, chownSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { geteuid } from "node:process"
import { expect, it } from "vitest"
import { clientOf, environment, main, node, serve, temporaryDirectory } from "../cli/Command.js"
import { within } from "../within.js"

const nodeStart = ["node", "start", "--port", "0", "--shards", "1"]

/** `ulimit -n FILES; exec …`: both limits, so that Node cannot raise the one to the other. */
const limited = (files: number, ...argv: readonly string[]): string[] => [
  ...["/bin/sh", "-c", `ulimit -n ${files} && exec "$@"`, "sh", ...argv],
]

const runLimited = (files: number, ...argv: readonly string[]) => {
  const [program = "", ...rest] = limited(files, process.execPath, main, ...argv)
  const cwd = temporaryDirectory()
  return spawnSync(program, rest, {
    ...{ cwd, env: environment({}), encoding: "utf8", timeout: 20_000 },
  })
}

it("D2: a limit of 64 open files is named, with what to do, and the exit code is 1", () => {
  for (const files of [24, 64, 128]) {
    const { status, stderr } = runLimited(files, ...nodeStart)
    expect(stderr).toBe(
      `SKEIN_LIMIT_EXCEEDED: this process may have only ${files} files open at a time ` +
        "(the limit `ulimit -n`)\nnext: Raise the limit to 1024 or more, as in `ulimit -n 1024`.\n",
    )
    expect(status).toBe(1)
  }
})

it("D2: with JSON asked for, the limit is told as JSON", () => {
  const { status, stderr } = runLimited(64, ...nodeStart, "--output", "json")
  const error = { code: "SKEIN_LIMIT_EXCEEDED", retryable: false, exitCode: 1 }
  expect(JSON.parse(stderr)).toMatchObject({ error })
  expect(status).toBe(1)
})

it("D2: connections beyond the limit of open files are refused; the node serves on", async () => {
  const started = await node((dir, port) => limited(300, ...serve()(dir, port)))
  const first = await clientOf(started.address)
  await first.declare("q")
  const { connect } = await import("node:net")
  const [host = "", port = ""] = started.address.split(":")
  const sockets = Array.from({ length: 400 }, () => connect(Number(port), host))
  const ends = sockets.map(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.on("error", () => {}).once("close", () => resolve())
      }),
  )
  try {
    await within(Promise.race(ends), 20_000, "a connection that is refused")
    await first.queue("q").publish("x".repeat(100_000))
    expect((await first.show("q")).counts.total).toBe(1)
  } finally {
    for (const socket of sockets) socket.destroy()
  }
  await first.queue("q").publish("after")
  expect(await started.terminate()).toEqual({ code: 0, signal: null })
})

const nobody = 65_534

it("D2: a directory that belongs to somebody else is refused with exit code 2", (context) => {
  if (geteuid?.() !== 0) context.skip("only root can give a directory away and take another user")
  const parent = temporaryDirectory()
  chmodSync(parent, 0o755)
  const dir = join(parent, "data")
  mkdirSync(dir, { mode: 0o700 })
  const argv = [main, ...nodeStart, "--dir", dir]
  const options = { cwd: parent, env: environment({}), encoding: "utf8", timeout: 20_000 } as const
  const asNobody = { ...options, uid: nobody, gid: nobody }
  if (spawnSync(process.execPath, [main, "--version"], asNobody).status !== 0) {
    context.skip("another user may not read this program")
  }
  const { status, stderr } = spawnSync(process.execPath, argv, asNobody)
  expect(stderr).toContain("SKEIN_DIRECTORY_UNUSABLE")
  expect(stderr).toContain(dir)
  expect(status).toBe(2)
})

it("D2: a directory whose owner changed after it was written is refused", (context) => {
  if (geteuid?.() !== 0) context.skip("only root can give a directory away and take another user")
  const parent = temporaryDirectory()
  chmodSync(parent, 0o755)
  const dir = join(parent, "data")
  mkdirSync(dir, { mode: 0o700 })
  chownSync(dir, nobody, nobody)
  const options = { cwd: parent, env: environment({}), encoding: "utf8", timeout: 20_000 } as const
  const asNobody = { ...options, uid: nobody, gid: nobody }
  if (spawnSync(process.execPath, [main, "--version"], asNobody).status !== 0) {
    context.skip("another user may not read this program")
  }
  // Standard input is closed at once: it starts, writes, and stops in order.
  const argv = [main, ...nodeStart, "--dir", dir]
  const once = spawnSync(process.execPath, [...argv, "--with-parent"], { ...asNobody, input: "" })
  expect(once.stderr).toContain("stopped: everything that was confirmed is stored")
  expect(once.status).toBe(0)
  chownSync(dir, 0, 0)
  const { status, stderr } = spawnSync(process.execPath, argv, asNobody)
  expect(stderr).toContain("SKEIN_DIRECTORY_UNUSABLE")
  expect(status).toBe(2)
})
