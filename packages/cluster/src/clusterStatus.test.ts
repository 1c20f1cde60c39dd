import type { SeenNode } from "@skein/journal"
import { limits } from "@skein/model"
import { emptyTable, type ShardTable } from "@skein/placement"
import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { clusterStatus } from "./clusterStatus.js"

const seen = (node: string, more: Partial<SeenNode> = {}): SeenNode => ({
  ...{ instance: `i-${node}`, node, host: "h", pid: 7, address: `127.0.0.1:${node.slice(1)}` },
  ...{ sinceMs: 0, state: "serving", silent: false, dead: false },
  ...more,
})

const statusOf = (table: ShardTable, nodes: readonly SeenNode[], manager?: string) =>
  clusterStatus({
    fabricId: "f",
    map: { self: "n1", table: () => table, nodes: () => nodes },
    manager,
    decisions: [],
  })

const tableOf = (owners: ShardTable["owners"], draining: readonly string[] = []): ShardTable => ({
  version: 3,
  owners,
  draining,
})

describe("clusterStatus", () => {
  it("a fabric that is well has no problems", () => {
    const status = statusOf(tableOf(["n1", "n2", "n1"]), [seen("n2"), seen("n1")], "n1")
    expect(status).toMatchObject({ fabricId: "f", node: "n1", manager: "n1", tableVersion: 3 })
    expect(status.nodes.map(({ node, shards }) => [node, shards])).toEqual([
      ["n1", [0, 2]],
      ["n2", [1]],
    ])
    expect(status).toMatchObject({ shards: 3, unplaced: [], problems: [] })
  })

  it("tells each state", () => {
    const nodes = [
      seen("n1"),
      seen("n2", { state: "starting" }),
      seen("n3", { state: "leaving" }),
      seen("n4", { silent: true }),
      seen("n5"),
    ]
    const { nodes: told, problems } = statusOf(tableOf(["n1"], ["n5", "n3"]), nodes, "n1")
    expect(told.map(({ state }) => state)).toEqual([
      ...["serving", "joining", "leaving", "silent", "draining"],
    ])
    // Its shards are elsewhere already, but it left without a word.
    expect(problems).toEqual(["n4 is silent"])
  })

  it("names what is wrong", () => {
    const table = tableOf(["n2", "n9", "n9", "n9", "n9", "n9", undefined, "n1"])
    const { problems, nodes, unplaced } = statusOf(table, [
      seen("n1"),
      seen("n2", { silent: true }),
    ])
    expect(problems).toEqual([
      "n2 is silent and should have s000",
      "n9 is silent and should have 5 shards",
      "no node should have s006",
      "no node is known to place shards",
    ])
    expect(nodes.at(-1)).toMatchObject({ node: "n9", instance: "", pid: 0, state: "silent" })
    expect(unplaced).toEqual([6])
    expect(statusOf(tableOf(["n1"]), [seen("n1")], "n4").problems).toEqual([
      "n4, which places shards, is silent",
    ])
  })

  it("names the shards that a living node gave up", () => {
    const table = tableOf(["n1", "n2"])
    const nodes = [seen("n1", { givenUp: [1, 3] }), seen("n2", { givenUp: [0], silent: true })]
    expect(statusOf(table, nodes, "n1").problems).toEqual([
      "n2 is silent and should have s001",
      "n1 gave up s001, s003: it failed there too often",
    ])
  })

  it("of two instances with one name the living one counts, else the youngest", () => {
    const [old, young] = [seen("n1", { instance: "a" }), seen("n1", { instance: "b", sinceMs: 5 })]
    const instanceOf = (...nodes: readonly SeenNode[]) =>
      statusOf(emptyTable(1), nodes).nodes.map(({ instance }) => instance)
    expect(instanceOf(young, old)).toEqual(["b"])
    expect(instanceOf(old, young)).toEqual(["b"])
    expect(instanceOf({ ...young, silent: true }, old)).toEqual(["a"])
    expect(instanceOf(old, { ...young, silent: true })).toEqual(["a"])
  })

  it("every shard is at exactly one node or unplaced, whatever the table names", () => {
    const owner = FastCheck.option(FastCheck.constantFrom("n1", "n2", "n3"), { nil: undefined })
    const some = FastCheck.subarray([seen("n1"), seen("n2"), seen("n4", { silent: true })])
    FastCheck.assert(
      FastCheck.property(FastCheck.array(owner, { maxLength: 64 }), some, (owners, nodes) => {
        const status = statusOf(tableOf(owners), nodes)
        const placed = [...status.nodes.flatMap(({ shards }) => shards), ...status.unplaced]
        expect(placed.sort((a, b) => a - b)).toEqual([...owners.keys()])
        expect(status.nodes.length).toBeLessThanOrEqual(limits.nodesMax)
      }),
    )
  })
})
