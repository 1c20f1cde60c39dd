import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { listeningAddress, ProcessUnderTest, type ServeCommand } from "./ProcessUnderTest.js"
import { within } from "./within.js"

const stub = fileURLToPath(new URL("../dist/stub/StubBroker.js", import.meta.url))
const serveStub: ServeCommand = (data, port) => [process.execPath, stub, data, String(port)]

let directory = ""
let node: ProcessUnderTest
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-process-"))
  node = new ProcessUnderTest(directory, serveStub, 10_000)
})
afterEach(async () => {
  await node.kill()
  rmSync(directory, { recursive: true })
})

const stateOf = (pid: number | undefined): string =>
  readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1][0]

describe("a process under test", () => {
  it("comes back on the same port after kill -9", async () => {
    await node.start()
    const { address, pid } = node
    expect(await node.kill()).toEqual({ code: null, signal: "SIGKILL" })
    expect(node.pid).toBeUndefined()
    await node.start()
    expect(node.address).toBe(address)
    expect(node.pid).not.toBe(pid)
    expect(await node.terminate()).toEqual({ code: 0, signal: null })
  })

  it("can be paused, and killed while paused", async () => {
    await node.start()
    const { pid } = node
    node.pause()
    while (existsSync(`/proc/${pid}`) && stateOf(pid) !== "T") {
      await new Promise((resolve) => setImmediate(resolve))
    }
    node.resume()
    while (stateOf(pid) === "T") await new Promise((resolve) => setImmediate(resolve))
    node.pause()
    expect((await node.kill()).signal).toBe("SIGKILL")
  })

  it("fails with its stderr if it ends before it listens", async () => {
    const broken: ServeCommand = () => [
      ...[process.execPath, "-e", "console.error('no such luck'); process.exit(3)"],
    ]
    const failing = new ProcessUnderTest(directory, broken, 10_000)
    await expect(failing.start()).rejects.toThrow(/ended before it listened \(3\)\s+no such luck/)
  })

  it("fails in time if it never listens, and leaves nothing behind", async () => {
    const silent: ServeCommand = () => [process.execPath, "-e", "setInterval(() => {}, 1000)"]
    const failing = new ProcessUnderTest(directory, silent, 300)
    await expect(failing.start()).rejects.toThrow("no listening line within 300 ms")
    expect(failing.pid).toBeUndefined()
  })

  it("fails if the program does not exist", async () => {
    const absent = new ProcessUnderTest(directory, () => [join(directory, "absent")], 10_000)
    await expect(absent.start()).rejects.toThrow(/ENOENT/)
  })

  it("knows the ready line among others", () => {
    const line = JSON.stringify({ event: "listening", address: "127.0.0.1:4117", epoch: 3 })
    expect(listeningAddress(line)).toBe("127.0.0.1:4117")
    for (const other of ["", "null", "listening", '{"event":"listening"}', '{"event":"x"}']) {
      expect(listeningAddress(other)).toBeUndefined()
    }
  })
})

describe("the reaper", () => {
  it("kills the children of a run that was killed itself", async () => {
    const adopt = new URL("../dist/adopt.js", import.meta.url).href
    const script = `
      import { spawn } from "node:child_process"
      import { adopt } from ${JSON.stringify(adopt)}
      const idle = ["-e", "setInterval(() => {}, 1000)"]
      const stdio = ["ignore", "inherit", "ignore"]
      console.log(adopt(spawn(process.execPath, idle, { stdio })).pid)`
    const args = ["--input-type=module", "-e", script]
    const run = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    // The grandchild holds the other end of this pipe: it closes when both are gone.
    const closed = new Promise<void>((resolve) => run.stdout.once("close", () => resolve()))
    const pid = await new Promise<number>((resolve) =>
      createInterface({ input: run.stdout }).once("line", (line) => resolve(Number(line))),
    )
    expect(existsSync(`/proc/${pid}`)).toBe(true)
    run.kill("SIGKILL")
    await within(closed, 10_000, "end of the grandchild")
  })
})
