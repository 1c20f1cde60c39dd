import type { ClusterStatus } from "@skein/wire"
import { describe, expect, it } from "vitest"
import { parseArguments } from "../arguments/parseArguments.js"
import { resolveSettings, settingsOf } from "../config/resolveSettings.js"
import { skein as grammar } from "../grammar/commands.js"
import { RunningSkein } from "../testing/RunningSkein.js"
import { clusterWelcome, nodeCommands } from "./clusterStart.js"
import { clusterStatusText } from "./clusterStatus.js"

const terminal = { paintOut: (_: string, text: string) => text }

const status: ClusterStatus = {
  fabricId: "f00d",
  node: "n2",
  nodes: [
    {
      ...{ node: "n1", instance: "0123456789abcdef", address: "127.0.0.1:4118", pid: 71 },
      ...{ state: "serving", shards: [0, 1, 2, 3] },
    },
    {
      ...{ node: "n2", instance: "fedcba9876543210", address: "127.0.0.1:4119", pid: 72 },
      ...{ state: "serving", shards: [4, 5] },
    },
    { node: "n3", instance: "", address: "", pid: 0, state: "silent", shards: [6] },
  ],
  manager: "n2",
  tableVersion: 9,
  shards: 8,
  unplaced: [7],
  decisions: [
    { atMs: 0, what: "s001: n2 -> n1", reason: "older" },
    { atMs: 1_000, what: "s004: n3 -> n2", reason: "n3 is silent" },
  ],
  problems: ["n3 is silent and should have s006", "no node should have s007"],
}

describe("cluster status", () => {
  it("shows nodes with their shards as bars, decisions with the newest first, problems", () => {
    expect(clusterStatusText(terminal as never, status)).toBe(
      [
        "fabric       f00d",
        "answered by  n2",
        "nodes        2 of 3 serving",
        "manager      n2",
        "shards       7 of 8 placed, table version 9",
        "",
        "NODE  STATE    ADDRESS         PID  INSTANCE  SHARDS  * = MANAGER",
        "n1    serving  127.0.0.1:4118   71  01234567       4  ████",
        "n2 *  serving  127.0.0.1:4119   72  fedcba98       2  ██",
        "n3    silent   -                 -  -              1  █",
        "",
        "DECIDED                   WHAT            WHY",
        "1970-01-01T00:00:01.000Z  s004: n3 -> n2  n3 is silent",
        "1970-01-01T00:00:00.000Z  s001: n2 -> n1  older",
        "",
        "! n3 is silent and should have s006",
        "! no node should have s007",
        "",
      ].join("\n"),
    )
  })

  it("a bar has at most 24 blocks, and a node without shards none", () => {
    const shards = Array.from({ length: 1000 }, (_, shard) => shard)
    const nodes = [
      { ...status.nodes[0], shards },
      { ...status.nodes[1], shards: [] },
    ]
    const lines = clusterStatusText(terminal as never, { ...status, nodes }).split("\n")
    expect(lines.filter((line) => line.includes("█"))).toHaveLength(1)
    expect(lines.find((line) => line.startsWith("n1"))?.match(/█+$/)?.[0]).toHaveLength(24)
  })

  it("a node on its own answers with itself", async () => {
    const running = await RunningSkein.open()
    const told = (await running.json("cluster", "status")) as ClusterStatus
    expect(told).toMatchObject({ manager: "embedded", shards: 1, unplaced: [], problems: [] })
    expect(told.nodes).toMatchObject([{ node: "embedded", state: "serving", shards: [0] }])
    expect((await running.run(["cluster", "status"])).out).toContain("1 of 1 serving")
  })
})

describe("cluster start", () => {
  const commandsOf = (...argv: readonly string[]) => {
    const invocation = parseArguments(grammar, ["cluster", "start", ...argv])
    const settings = settingsOf(resolveSettings(invocation, {}))
    return nodeCommands({ invocation, settings }, "127.0.0.1:4117")
  }
  const flagOf = (argv: readonly string[], flag: string) => argv[argv.indexOf(flag) + 1]

  it("names the nodes n1 to nN, each with the next port, all with the address to begin at", () => {
    const nodes = commandsOf("--nodes", "2", "--dir", "/d", "--shards", "8")
    expect(nodes.map(({ name }) => name)).toEqual(["n1", "n2"])
    expect(nodes.map(({ argv }) => flagOf(argv, "--port"))).toEqual(["4118", "4119"])
    for (const { argv, name } of nodes) {
      expect(flagOf(argv, "--node")).toBe(name)
      expect(flagOf(argv, "--bootstrap")).toBe("127.0.0.1:4117")
      expect(flagOf(argv, "--dir")).toBe("/d")
      expect(flagOf(argv, "--shards")).toBe("8")
      expect(argv).toContain("--with-parent")
    }
  })

  it("is 3 nodes unless it is told; with port 0 each takes a free one", () => {
    const nodes = commandsOf("--port", "0")
    expect(nodes.map(({ argv }) => flagOf(argv, "--port"))).toEqual(["0", "0", "0"])
  })

  it("what it runs is a command line that node start takes", () => {
    for (const { argv } of commandsOf("--token-file", "t", "--shards", "4")) {
      const { path } = parseArguments(grammar, argv.slice(2))
      expect(path).toEqual(["node", "start"])
    }
  })

  it("says where clients connect, which nodes there are, and what to try", () => {
    const nodes = [{ node: "n1", address: "127.0.0.1:5001", pid: 71 }]
    const event = { address: "127.0.0.1:5000", pid: 70, dir: "/d", nodes }
    const text = clusterWelcome({ terminal: terminal as never, env: {} }, event)
    expect(text).toContain("clients connect to 127.0.0.1:5000\n1 node, stored in /d; pid 70")
    expect(text).toContain("n1    127.0.0.1:5001   71")
    expect(text).toContain("skein cluster status --address 127.0.0.1:5000")
  })

  it.each([
    [["cluster", "start", "--nodes", "65"], {}, "a whole number from 1 to 64"],
    [["cluster", "start", "--nodes", "0"], {}, "a whole number from 1 to 64"],
    [["cluster", "start", "--port", "65533"], {}, "leaves no ports for 3 nodes"],
    [["cluster", "start"], { SKEIN_MEMORY: "true" }, "set by environment SKEIN_MEMORY"],
    [["cluster", "start"], { SKEIN_ADVERTISE: "h:1" }, "the address of one node"],
    [["node", "start", "--cluster", "--memory"], {}, "--cluster does without --memory"],
    [["node", "start", "--bootstrap", "h:1"], {}, "--bootstrap is for a node of a cluster"],
    [["node", "start", "--advertise", "h:1"], {}, "--advertise is for a node of a cluster"],
    [["node", "start", "--advertise", "h"], {}, "it takes an address such as"],
  ])("C1: %j with %j is refused", async (argv, env, problem) => {
    const { code, err } = await (await RunningSkein.open()).run(argv, { env })
    expect(code).toBe(2)
    expect(err).toContain(problem)
  })
})
