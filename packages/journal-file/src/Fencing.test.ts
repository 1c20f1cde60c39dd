import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"

const program = fileURLToPath(new URL("../dist/testkit/FencingChild.js", import.meta.url))

/** A process that speaks in lines, which the test waits for: no sleeps. */
class Child {
  readonly lines: string[] = []
  readonly process: ChildProcess
  #wake: () => void = () => {}

  constructor(dir: string, name: string) {
    this.process = spawn(process.execPath, [program, dir, name], {
      stdio: ["pipe", "pipe", "inherit"],
    })
    if (this.process.stdout === null) throw new Error("no stdout")
    createInterface({ input: this.process.stdout }).on("line", (line) => {
      this.lines.push(line)
      this.#wake()
    })
    this.process.on("exit", () => {
      this.lines.push("exited")
      this.#wake()
    })
  }

  get confirmed(): string[] {
    const begin = "confirmed "
    return this.lines
      .filter((line) => line.startsWith(begin))
      .map((line) => line.slice(begin.length))
  }

  get recovered(): string[] {
    const line = this.lines.find((one) => one.startsWith("recovered ")) ?? ""
    return line.slice("recovered ".length).split(";").slice(0, -1)
  }

  async until(what: (child: Child) => boolean): Promise<void> {
    while (!what(this)) {
      if (this.lines.includes("exited")) throw new Error(`it ended: ${this.lines.slice(-3).join()}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async exit(): Promise<void> {
    while (!this.lines.includes("exited")) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

const children: Child[] = []
let dir = ""

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.process.kill("SIGKILL")
    await child.exit()
  }
  await rm(dir, { recursive: true })
})

const start = (name: string): Child => {
  const child = new Child(dir, name)
  children.push(child)
  return child
}

describe("two processes and one shard", { timeout: 120_000 }, () => {
  it("a stopped owner confirms nothing that its successor does not hold", async () => {
    dir = await mkdtemp(join(tmpdir(), "skein-fencing-"))
    let owner = start("a")
    for (const [round, name] of ["b", "c", "d", "e", "f"].entries()) {
      // Stopped in some phase of a commit, now and then in the middle of a cleaning.
      await owner.until((child) => child.confirmed.length > 37 * (round + 1))
      owner.process.kill("SIGSTOP")
      const successor = start(name)
      await successor.until((child) => child.confirmed.length > 5)
      owner.process.kill("SIGCONT")
      await owner.until((child) => child.lines.includes("fenced"))
      // All confirms count, also those that were sent after it woke up.
      const held = new Set(successor.recovered)
      for (const text of owner.confirmed) expect(held.has(text), text).toBe(true)
      expect(new Set(successor.recovered).size).toBe(successor.recovered.length)
      await owner.exit()
      owner = successor
    }
    const all = [...owner.recovered, ...owner.confirmed]
    expect(all.length).toBeGreaterThan(200)
  })

  it("a killed owner's confirms are all there, over and over", async () => {
    dir = await mkdtemp(join(tmpdir(), "skein-fencing-"))
    let expected: string[] = []
    for (const [round, name] of ["a", "b", "c", "d", "e", "f"].entries()) {
      const owner = start(name)
      await owner.until((child) => child.confirmed.length > 60 * round)
      expect(owner.recovered.slice(0, expected.length)).toEqual(expected)
      owner.process.kill("SIGKILL")
      await owner.exit()
      expected = [...owner.recovered, ...owner.confirmed]
    }
  })
})
