/** The examples of READMEs, as they stand there: each is run. */

import { spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, it, onTestFinished } from "vitest"
import { adopt } from "./adopt.js"
import { clientOf, node, serve, temporaryDirectory } from "./cli/Command.js"
import { within } from "./within.js"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const defaultAddress = "127.0.0.1:4117"

const blocksOf = (language: string, file = "README.md"): string[] =>
  [...readFileSync(`${root}${file}`, "utf8").matchAll(/```(\w+)\n([\s\S]*?)```/g)]
    .filter(([, of]) => of === language)
    .map(([, , text = ""]) => text)

/** Runs a program to its end, with its output; Ctrl-C once it has written `interruptAt`. */
const runProgram = (
  program: string,
  argv: readonly string[],
  cwd: string,
  interruptAt?: string,
): Promise<{ readonly code: number | null; readonly out: string }> => {
  const child = adopt(spawn(program, argv, { cwd }))
  let out = ""
  const keep = (text: string): void => {
    const had = interruptAt !== undefined && out.includes(interruptAt)
    out += text
    if (interruptAt !== undefined && !had && out.includes(interruptAt)) child.kill("SIGINT")
  }
  child.stdout.setEncoding("utf8").on("data", keep)
  child.stderr.setEncoding("utf8").on("data", keep)
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  return within(ended, 60_000, `end of ${program}`).then((code) => ({ code, out }))
}

/** A module beside this one's output, from where the packages are found; in the cwd given. */
const runModule = async (text: string, cwd: string, interruptAt?: string) => {
  const file = fileURLToPath(new URL(`../dist/readme-${process.pid}.mjs`, import.meta.url))
  onTestFinished(() => rmSync(file, { force: true }))
  writeFileSync(file, text)
  return runProgram(process.execPath, [file], cwd, interruptAt)
}

it("the shell commands of README do what it says", async () => {
  const [, commands = ""] = blocksOf("sh")
  expect(commands).toContain("skein publish orders")
  const { address } = await node()
  // An alias is for a person's shell; a function does the same in a script.
  const script = commands
    .replaceAll("$PWD", root.slice(0, -1))
    .replace(/^alias skein="(.*)"$/m, 'skein() { $1 "$@"; }')
  expect(script).toContain("skein() {")
  const env = `export SKEIN_ADDRESS=${address}\nset -e\n`
  const { code, out } = await runProgram("sh", ["-c", env + script], temporaryDirectory())
  expect(code, out).toBe(0)
  expect(out).toContain("published 2 messages to orders")
  expect(out).toContain("needles")
  expect(out).toContain("2 messages, acknowledged")
})

it("the program of README runs against a node, the embedded line in its place too", async () => {
  const [program = "", embedded = ""] = blocksOf("ts")
  expect(program).toContain(defaultAddress)
  const { address } = await node()
  const toNode = program.replace(defaultAddress, address)
  // The worker goes on until Ctrl-C; what it has printed is acknowledged by then.
  const remote = await runModule(toNode, temporaryDirectory(), "wool")
  expect(remote.code, remote.out).toBe(0)
  const client = await clientOf(address)
  const { counts } = await client.show("orders")
  expect(counts).toMatchObject({ published: 1, acked: 1, total: 0 })

  const connectLine = /^const client = await connect\(.*$/m
  const [importLine = "", , openLine = ""] = embedded.split("\n")
  const local = program.replace(connectLine, `${importLine}\n${openLine}`)
  expect(local).toContain("Fabric.embedded")
  const dir = temporaryDirectory()
  const there = await runModule(local, dir, "wool")
  expect(there.code, there.out).toBe(0)
  // What the embedded program left is a fabric that a node can serve.
  const argv = serve("--shards", "64")
  const served = await node(argv, `${dir}/data`)
  expect((await (await clientOf(served.address)).list()).queues).toHaveLength(1)
})

it.each(["embedded", "testkit"])("the program of packages/%s/README.md runs", async (name) => {
  const [program = ""] = blocksOf("ts", `packages/${name}/README.md`)
  expect(program).toContain(`@skein/${name}`)
  const { code, out } = await runModule(program, temporaryDirectory())
  expect(code, out).toBe(0)
})
