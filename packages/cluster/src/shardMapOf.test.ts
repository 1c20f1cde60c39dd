import type { SeenNode } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { shardMapOf } from "./shardMapOf.js"

const seen = (node: string, change: Partial<SeenNode> = {}): SeenNode => ({
  node,
  instance: `${node}-1`,
  host: "h",
  pid: 1,
  address: `127.0.0.1:${node.slice(1)}`,
  sinceMs: 0,
  state: "serving",
  silent: false,
  dead: false,
  ...change,
})

const mapOf = (nodes: readonly SeenNode[], owners: readonly (string | undefined)[], version = 7) =>
  shardMapOf({
    nodes: () => nodes,
    table: () => ({ version, owners, draining: [] }),
    ownerOf: (shard) => nodes.find(({ node, silent }) => node === owners[shard] && !silent),
  })

describe("shardMapOf", () => {
  it("names nodes that can be connected to, and who has which shard", () => {
    const nodes = [seen("n1"), seen("n2"), seen("n3", { address: "" })]
    expect(mapOf(nodes, ["n2", "n1", "n3", undefined, "n9"])).toEqual({
      version: 7,
      nodes: [
        { node: "n1", instance: "n1-1", address: "127.0.0.1:1" },
        { node: "n2", instance: "n2-1", address: "127.0.0.1:2" },
      ],
      owners: [1, 0, -1, -1, -1],
    })
  })

  it("knows nobody for the shards of a silent node, and the living of two instances", () => {
    const nodes = [seen("n1", { silent: true }), seen("n1", { instance: "n1-2" })]
    expect(mapOf(nodes, ["n1"])).toMatchObject({ nodes: [{ instance: "n1-2" }], owners: [0] })
    expect(mapOf([seen("n1", { silent: true })], ["n1"])).toMatchObject({ nodes: [], owners: [-1] })
  })

  it("is nothing before there is a table", () => {
    expect(mapOf([seen("n1")], [undefined], 0)).toBeUndefined()
  })
})
