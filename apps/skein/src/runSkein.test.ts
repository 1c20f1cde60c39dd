import { skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { skein as grammar } from "./grammar/commands.js"
import type { CommandSpec } from "./grammar/Grammar.js"
import { commands } from "./runSkein.js"
import { RunningSkein } from "./testing/RunningSkein.js"

const leaves = ({ commands: below = [] }: CommandSpec, path: readonly string[]): string[] =>
  below.flatMap((command) => {
    const here = [...path, command.name]
    return command.commands === undefined ? [here.join(" ")] : leaves(command, here)
  })

describe("runSkein", () => {
  it("has something to run for every command of the grammar, and nothing else", async () => {
    expect(Object.keys(commands).sort()).toEqual(leaves(grammar, []).sort())
    for (const load of Object.values(commands)) {
      expect((await load()).run).toBeTypeOf("function")
    }
  })

  it("tells its version, as JSON when JSON is asked for", async () => {
    const skein = await RunningSkein.open()
    expect((await skein.run(["--version"])).out).toBe("skein 0.1.0\n")
    for (const argv of [
      ["--version", "-o", "json"],
      ["-ojson", "-V"],
    ]) {
      expect(JSON.parse((await skein.run(argv)).out)).toEqual({ version: "0.1.0" })
    }
  })

  it("C1: a node that keeps everything in memory is not given a directory", async () => {
    const skein = await RunningSkein.open()
    const argv = ["node", "start", "--dir", "d", "--host", "192.0.2.1"]
    for (const [more, env] of [
      [["--memory"], {}],
      [[], { SKEIN_MEMORY: "true" }],
    ] as const) {
      const { code, err } = await skein.run([...argv, ...more], { env })
      expect(code).toBe(2)
      expect(err).toContain("give either --memory or --dir")
    }
  })

  it("C1: a wrong command line exits 2, says what is wrong and what next", async () => {
    const skein = await RunningSkein.open()
    const { code, out, err } = await skein.run(["queue", "lsit"])
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toBe(
      "SKEIN_USAGE: unknown command lsit of `skein queue`. Did you mean 'list'?\n" +
        "next: See `skein --help`.\n",
    )
  })

  it("writes errors as JSON when JSON is asked for, also those of the command line", async () => {
    const skein = await RunningSkein.open()
    for (const argv of [
      ["queue", "lsit", "--output", "json"],
      ["-o", "json", "queue", "show", "none"],
    ]) {
      const { err } = await skein.run(argv)
      expect(JSON.parse(err)).toMatchObject({ error: { code: expect.stringMatching(/^SKEIN_/) } })
      expect(err.trimEnd()).not.toContain("\n")
    }
  })

  it.each([
    [["queue", "show", "none"], 4, "SKEIN_QUEUE_NOT_FOUND"],
    [["queue", "declare", "-x-"], 2, "SKEIN_USAGE"],
    [["queue", "declare", "a/b"], 2, "SKEIN_QUEUE_NAME_INVALID"],
    [["publish", "none", "x"], 4, "SKEIN_QUEUE_NOT_FOUND"],
    [["consume", "none"], 4, "SKEIN_QUEUE_NOT_FOUND"],
  ] as const)("%j exits %i with %s", async (argv, code, name) => {
    const ran = await (await RunningSkein.open()).run(argv)
    expect(ran.code).toBe(code)
    expect(ran.err).toContain(`${name}: `)
  })

  it("C5: nobody reads standard output: a quiet end with exit 0", async () => {
    const skein = await RunningSkein.open()
    expect(await skein.run(["config"], { writesMax: 0 })).toEqual({ code: 0, out: "", err: "" })
  })

  it("C5: Ctrl-C ends a command with exit 130 and a short word", async () => {
    const skein = await RunningSkein.open()
    await skein.run(["queue", "declare", "q"])
    const { code, err } = await skein.run(["queue", "list"], { signal: AbortSignal.abort() })
    expect(code).toBe(130)
    expect(err).toMatch(/^SKEIN_ABORTED: interrupted\n/)
  })

  it("a fault of ours exits 1 and asks for a report", async () => {
    const skein = await RunningSkein.open()
    const { code, err } = await skein.run(["queue", "list"], {
      nowMs: () => 0,
      onOut: () => {
        throw new TypeError("broken")
      },
      isTty: true,
    })
    expect({ code, err: err.includes("no queues") }).toEqual({ code: 0, err: true })
    await skein.run(["queue", "declare", "q"])
    const broken = await skein.run(["queue", "list"], {
      onOut: () => {
        throw new TypeError("broken")
      },
    })
    expect(broken.code).toBe(1)
    expect(broken.err).toContain("SKEIN_INTERNAL: TypeError: broken")
  })

  it("C5: a node that does not answer exits 3", async () => {
    const { shownError } = await import("./output/showError.js")
    expect(shownError(skeinError("ConnectionFailed", "refused")).exitCode).toBe(3)
    expect(shownError(skeinError("Unauthorized", "no")).exitCode).toBe(5)
    expect(shownError(skeinError("QueueFull", "full")).exitCode).toBe(6)
    expect(shownError(skeinError("AddressInUse", "taken")).exitCode).toBe(7)
    expect(shownError(skeinError("ShardCorrupt", "bad")).exitCode).toBe(8)
  })

  it("colours on a terminal only", async () => {
    const skein = await RunningSkein.open()
    await skein.run(["queue", "declare", "q"])
    expect((await skein.run(["queue", "list"], { isTty: true })).out).toContain("<bold>QUEUE")
    expect((await skein.run(["queue", "list"])).out).toMatch(/^QUEUE {2}SHARD/)
  })
})
