/** The real `skein` command: exit codes, signals, streams; the ids are those of ACCEPTANCE.md. */
import { spawn, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Queue } from "@skein/client"
import { expect, it, onTestFinished } from "vitest"
import { adopt } from "../adopt.js"
import { within } from "../within.js"
import {
  clientOf,
  environment,
  main,
  node,
  type Ran,
  run,
  serve,
  start,
  temporaryDirectory,
} from "./Command.js"

it("--version and --help answer without a node", async () => {
  expect(await run(["--version"])).toEqual({ code: 0, out: "skein 0.1.0\n", err: "" })
  const help = await run(["--help"])
  expect({ code: help.code, err: help.err }).toEqual({ code: 0, err: "" })
  expect(help.out).toContain("Exit codes")
})

it("a started node writes exactly one line of JSON, and SIGTERM ends it with 0", async () => {
  const argv = ["node", "start", "--memory", "--shards", "1", "--port", "0", "-o", "json"]
  const { child, ended, wrote } = start(argv)
  await wrote("\n")
  child.kill("SIGTERM")
  const { code, out } = await within(ended, 5_000, "end after SIGTERM")
  expect(code).toBe(0)
  expect(out.trimEnd().split("\n")).toHaveLength(1)
  expect(JSON.parse(out)).toEqual({
    event: "listening",
    address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    pid: child.pid,
    dir: null,
    fabricId: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
})

it("a started node tells people where it listens and what to try", async () => {
  const { child, ended, wrote } = start(["node", "start", "--shards", "1", "--port", "0"])
  await wrote("Ctrl-C stops it in order")
  child.kill("SIGINT")
  const { code, out } = await ended
  expect(code).toBe(0)
  expect(out).toContain("Skein node-1 listens on 127.0.0.1:")
  expect(out).toMatch(/skein publish hello "first message" --address 127\.0\.0\.1:\d+/)
  expect(out).not.toContain("\u001b")
})

it("C5: the two signals of one Ctrl-C under a wrapper are one: an orderly end", async () => {
  const { child, ended, wrote } = start([
    "node",
    "start",
    "--memory",
    "--shards",
    "1",
    "--port",
    "0",
  ])
  await wrote("listens on")
  child.kill("SIGINT")
  child.kill("SIGINT")
  const { code, err } = await ended
  expect(code).toBe(0)
  expect(err).toContain("stopped: everything that was confirmed is stored")
})

it("SIGTERM under load: exit 0, and everything confirmed is there after a restart", async () => {
  const started = await node()
  const client = await clientOf(started.address)
  await client.declare("load")
  let confirmed = 0
  const enough = new Promise<void>((resolve) => {
    const publish = (): void => {
      client
        .queue("load")
        .publish("x".repeat(200), { timeoutMs: 20_000 })
        .then(
          () => {
            confirmed += 1
            if (confirmed === 2_000) resolve()
            publish()
          },
          () => {},
        )
    }
    for (let at = 0; at < 200; at++) publish()
  })
  await within(enough, 30_000, "2,000 confirmed publishes")
  expect(await started.terminate(6_000)).toEqual({ code: 0, signal: null })
  await client.close({ timeoutMs: 100 }).catch(() => {})
  await started.start()
  const { counts } = await (await clientOf(started.address)).show("load")
  expect(counts.total).toBeGreaterThanOrEqual(confirmed)
})

it("C5: a port in use exits 7 and is named", async () => {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
  onTestFinished(() => void server.close())
  const { code, out, err } = await run(["node", "start", "--shards", "1", "--port", String(port)])
  expect({ code, out }).toEqual({ code: 7, out: "" })
  expect(err).toMatch(new RegExp(`^SKEIN_ADDRESS_IN_USE: 127.0.0.1:${port} is in use`))
})

it("a directory in use exits 7 and names its holder", async () => {
  const started = await node()
  const second = await run(["node", "start", "--dir", started.directory, "--port", "0"])
  expect(second.code).toBe(7)
  expect(second.err).toContain("SKEIN_DIRECTORY_IN_USE")
  expect(second.err).toContain(`pid ${started.pid}`)
  const client = await clientOf(started.address)
  await client.declare("q")
  await client.queue("q").publish("the first one serves on")
})

it("C8: another number of shards than the fabric has is refused", async () => {
  const started = await node()
  await started.terminate()
  const argv = ["node", "start", "--dir", started.directory, "--port", "0", "--shards", "2"]
  const { code, err } = await run(argv)
  expect(code).toBe(2)
  expect(err).toContain("has 1 shards, not 2")
})

it("C9: a clock that stands before the last journal time harms nothing", async () => {
  const dir = temporaryDirectory()
  const before = await node(serve(), dir)
  const client = await clientOf(before.address)
  await client.declare("q")
  await client.queue("q").publish("first", { dedupId: "1" })
  await before.terminate()
  await client.close({ timeoutMs: 100 }).catch(() => {})

  const hourAgo = join(temporaryDirectory(), "hourAgo.mjs")
  const shift = "const now = Date.now; Date.now = () => now() - 3_600_000"
  writeFileSync(hourAgo, shift)
  const [program = "", ...argv] = serve()(dir, 0)
  const after = await node(() => [program, "--import", hourAgo, ...argv], dir)
  const again = await clientOf(after.address)
  const published = await again.queue("q").publish("first", { dedupId: "1" })
  expect(published.duplicate).toBe(true)
  expect((await again.queue("q").publish("second")).duplicate).toBe(false)
  const consumed = await run(["consume", "q", "--ack", "--address", after.address])
  expect(consumed.out).toBe("first\nsecond\n")
  expect(await after.terminate()).toEqual({ code: 0, signal: null })
})

it("a foreign directory, a file, and an address that is not loopback are refused", async () => {
  const dir = temporaryDirectory()
  const file = join(dir, "notes.txt")
  writeFileSync(file, "mine")
  const foreign = await run(["node", "start", "--dir", dir, "--port", "0"])
  expect(foreign).toMatchObject({
    code: 2,
    err: expect.stringContaining("SKEIN_DIRECTORY_FOREIGN"),
  })
  const notOne = await run(["node", "start", "--dir", file, "--port", "0"])
  expect(notOne).toMatchObject({ code: 2, err: expect.stringContaining("SKEIN_DIRECTORY_") })
  const open = await run(["node", "start", "--memory", "--host", "0.0.0.0"])
  expect(open).toMatchObject({ code: 2, err: expect.stringContaining("SKEIN_BIND_REFUSED") })
})

it("C5: no node at the address exits 3 at once, with JSON on request", async () => {
  const argv = ["queue", "list", "--address", "127.0.0.1:1", "--output", "json"]
  const { code, out, err } = await run(argv)
  expect({ code, out }).toEqual({ code: 3, out: "" })
  expect(JSON.parse(err)).toMatchObject({ error: { code: "SKEIN_CONNECTION_FAILED", exitCode: 3 } })
})

it("C1: unknown flags and subcommands name the nearest and exit 2", async () => {
  const flag = await run(["node", "start", "--prot", "1"])
  expect(flag).toMatchObject({ code: 2, err: expect.stringContaining("Did you mean '--port'?") })
  const command = await run(["queue", "lits"])
  expect(command).toMatchObject({ code: 2, err: expect.stringContaining("Did you mean 'list'?") })
})

it("C2: skein config shows each value with its source: flag > environment > file", async () => {
  const cwd = temporaryDirectory()
  const file = '{"port": 4001, "host": "127.0.0.2", "timeout": "9s"}'
  writeFileSync(join(cwd, "skein.json"), file)
  const env = { SKEIN_PORT: "4002", SKEIN_HOST: "127.0.0.3", SKEIN_TOKEN: "s3cret" }
  const { code, out } = await run(["config", "--port", "4003", "-o", "json"], { cwd, env })
  expect(code).toBe(0)
  expect(out).not.toContain("s3cret")
  expect(JSON.parse(out)).toEqual(
    expect.arrayContaining([
      { key: "port", value: 4003, source: "flag --port" },
      { key: "host", value: "127.0.0.3", source: "environment SKEIN_HOST" },
      { key: "timeout", value: 9_000, source: "file skein.json" },
      { key: "node", value: "node-1", source: "default" },
      { key: "token", value: "********", source: "environment SKEIN_TOKEN" },
    ]),
  )
})

it("C3: a bad config file exits 2 and names the key", async () => {
  const cwd = temporaryDirectory()
  writeFileSync(join(cwd, "skein.json"), '{"prot": 1}')
  const { code, err } = await run(["node", "start"], { cwd })
  expect(code).toBe(2)
  expect(err).toContain("config file skein.json: unknown key \"prot\". Did you mean 'port'?")
})

it("C4: a token is refused in arguments; by file or variable it opens the node", async () => {
  const file = join(temporaryDirectory(), "token")
  writeFileSync(file, "s3cret\n", { mode: 0o600 })
  const started = await node(serve("--token-file", file))
  const to = ["--address", started.address]
  const inArguments = await run(["node", "status", ...to, "--token", "s3cret"])
  expect(inArguments.code).toBe(2)
  expect(inArguments.err).not.toContain("s3cret")
  expect((await run(["node", "status", ...to])).code).toBe(5)
  expect((await run(["node", "status", ...to], { env: { SKEIN_TOKEN: "wrong" } })).code).toBe(5)
  expect((await run(["node", "status", ...to], { env: { SKEIN_TOKEN: "s3cret" } })).code).toBe(0)
  expect((await run(["node", "status", ...to, "--token-file", file])).code).toBe(0)
  expect(started.stderr).not.toContain("s3cret")
})

it("C5, C10: commands in a pipe: publish, consume, purge only with --yes", async () => {
  const { address } = await node()
  const to = ["--address", address]
  expect((await run(["queue", "declare", "logs", ...to])).code).toBe(0)
  const lines = Array.from({ length: 3_000 }, (_, at) => `line ${at}`).join("\n")
  const argv = ["publish", "logs", "--lines", "--key-regexp", String.raw`\d$`, ...to]
  const published = await run(argv, { input: `${lines}\n` })
  expect(published.out).toBe("published 3,000 messages to logs\n")
  const consumed = await run(["consume", "logs", "--ack", "--count", "2000", ...to])
  expect(consumed.out).toBe(`${lines.split("\n").slice(0, 2000).join("\n")}\n`)
  const refused = await run(["queue", "purge", "logs", ...to])
  expect(refused.code).toBe(2)
  expect(refused.err).toContain(`purge queue logs (1,000 ready messages) at ${address}`)
  const purged = await run(["queue", "purge", "logs", "--yes", ...to])
  expect(purged.out).toBe("purged 1,000 messages of logs\n")
})

it("C1: an empty pipe is no message, unless --file - says so", async () => {
  const { address } = await node()
  const client = await clientOf(address)
  await client.declare("q")
  const argv = ["publish", "q", "--address", address]
  const refused = await run(argv)
  expect(refused.code).toBe(2)
  expect(refused.err).toContain("there is nothing to publish: standard input is empty")
  expect((await run([...argv, "--file", "-"])).code).toBe(0)
  expect((await client.show("q")).counts.total).toBe(1)
})

it("C5: when the reader of standard output goes, the command ends quietly", async () => {
  const { address } = await node()
  const client = await clientOf(address)
  await client.declare("q")
  await client.queue("q").publishMany(Array.from({ length: 4_000 }, () => "x".repeat(200)))
  const { child, ended } = start(["consume", "q", "--ack", "--follow", "--address", address])
  child.stdout?.once("data", () => child.stdout?.destroy())
  const { code, err } = await ended
  expect(code).toBe(0)
  expect(err).not.toMatch(/EPIPE|Error|at /)
  const { counts } = await client.show("q")
  expect(counts.leased).toBe(0)
})

it("C5: Ctrl-C ends a command that waits: --follow with 0, others with 130", async () => {
  const { address } = await node()
  const client = await clientOf(address)
  await client.declare("q")
  await client.queue("q").publish("first")
  const following = start(["consume", "q", "--ack", "--follow", "--address", address])
  await following.wrote("first\n")
  following.child.kill("SIGINT")
  expect(await following.ended).toMatchObject({ code: 0, err: "1 message, acknowledged\n" })
  const publishing = start(["publish", "q", "--lines", "--address", address])
  publishing.child.stdin?.write(`${"x".repeat(1024)}\n`.repeat(2_000))
  while ((await client.show("q")).counts.total === 0) {
    await within(client.status(), 5_000, "answer of the node")
  }
  publishing.child.kill("SIGINT")
  const { code, out } = await publishing.ended
  expect(code).toBe(130)
  expect(out).toMatch(/^published [\d,]+ messages to q/)
})

it("C10: on a terminal it asks, and only yes deletes", async (context) => {
  if (spawnSync("script", ["--version"]).status !== 0) context.skip("no script(1) for a terminal")
  const { address } = await node()
  const client = await clientOf(address)
  await client.declare("q")
  const atTerminal = async (answer: string): Promise<Ran> => {
    const command = `${process.execPath} ${main} queue delete q --address ${address}`
    const argv = ["-qec", command, "/dev/null"]
    const child = adopt(spawn("script", argv, { env: environment({ TERM: "xterm" }) }))
    let out = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
      if (text.includes("Type yes to go on")) child.stdin.write(`${answer}\n`)
    })
    const ended = new Promise<Ran>((resolve) => {
      child.once("close", (code) => resolve({ code, out, err: "" }))
    })
    return within(ended, 20_000, "end of the command at a terminal")
  }
  const no = await atTerminal("n")
  expect(no.code).toBe(1)
  expect(no.out).toContain(`delete queue q (0 messages) at ${address}? Type yes to go on`)
  expect((await client.list()).queues).toHaveLength(1)
  expect((await atTerminal("yes")).code).toBe(0)
  expect((await client.list()).queues).toHaveLength(0)
})

it("EIO of fdatasync ends the node with a report and a code that is not 0", async (context) => {
  if (spawnSync("strace", ["-V"]).status !== 0) context.skip("no strace to inject EIO with")
  const inject = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]
  const fail = ["-e", "inject=fdatasync:error=EIO:when=40+"]
  const dir = temporaryDirectory()
  const argv = serve()(dir, 0)
  const env = environment({ UV_THREADPOOL_SIZE: "1" })
  const child = adopt(spawn("strace", [...inject, ...fail, ...argv], { env }))
  let err = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text
  })
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  const address = await within(
    new Promise<string>((resolve) => {
      child.stdout.setEncoding("utf8").once("data", (line: string) => {
        resolve(JSON.parse(line).address)
      })
    }),
    30_000,
    "listening line",
  )
  const client = await clientOf(address)
  await client.declare("q")
  let confirmed = 0
  for (let at = 0; at < 100; at++) {
    const stored = await client
      .queue("q")
      .publish(at, { timeoutMs: 2_000 })
      .then(
        () => true,
        () => false,
      )
    if (!stored) break
    confirmed += 1
  }
  const code = await within(ended, 20_000, "end of the node")
  expect(code).not.toBe(0)
  expect(err).toContain("SKEIN_")
  expect(err).toMatch(/EIO/)
  expect(confirmed).toBeGreaterThan(0)
  await client.close({ timeoutMs: 100 }).catch(() => {})
  const after = await node(serve(), dir)
  const peeked = await (await clientOf(after.address)).peek({ name: "q", messagesMax: 100 })
  const values = peeked.map(({ body }) => Queue.any("q").decode(body))
  // What was confirmed, in order, and at most the one more that was on its way.
  expect(values.slice(0, confirmed)).toEqual(Array.from({ length: confirmed }, (_, at) => at))
  expect(values.length).toBeLessThanOrEqual(confirmed + 1)
})

it("skein bench hands over to the load bench with its arguments", async () => {
  const { code, out, err } = await run(["bench", "--help"])
  expect({ code, err }).toEqual({ code: 0, err: "" })
  expect(out).toContain("throughput")
})
