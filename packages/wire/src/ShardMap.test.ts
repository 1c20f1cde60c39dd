import { limits, SkeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { envelopeHeaderBytes, kindName } from "./Envelope.js"
import { decodeShardMap, encodeShardMap, type ShardMap } from "./ShardMap.js"
import { packValue } from "./Values.js"

const text = fc.string({ maxLength: 60 })
const node = fc.record({ node: text, instance: text, address: text })
const shardMap: fc.Arbitrary<ShardMap> = fc
  .tuple(fc.maxSafeNat(), fc.array(node, { maxLength: 8 }))
  .chain(([version, nodes]) =>
    fc.record({
      version: fc.constant(version),
      nodes: fc.constant(nodes),
      owners: fc.array(fc.integer({ min: -1, max: nodes.length - 1 }), { maxLength: 80 }),
    }),
  )

const payloadOf = (map: unknown): Uint8Array => new Uint8Array(packValue(map))

const good = {
  version: 3,
  nodes: [{ node: "n1", instance: "i", address: "127.0.0.1:7100" }],
  owners: [0, -1],
}

describe("ShardMap", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(shardMap, (map) => {
        const [envelope] = encodeShardMap(map)
        expect(kindName(envelope[5])).toBe("shardMap")
        expect(decodeShardMap(envelope.slice(envelopeHeaderBytes))).toEqual(map)
      }),
    )
  })

  it("is a map or a ProtocolError, whatever the bytes are", () => {
    const bytes = payloadOf(good)
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1 })
    fc.assert(
      fc.property(changes, fc.nat(bytes.length), (edits, length) => {
        const changed = bytes.slice(0, length)
        for (const [at, value] of edits) if (at < length) changed[at] = value
        const map = decodeShardMap(changed)
        if (map instanceof SkeinError) {
          expect(map._tag).toBe("ProtocolError")
        } else {
          for (const place of map.owners) expect(place).toBeLessThan(map.nodes.length)
        }
      }),
    )
  })

  const [n1] = good.nodes
  const bad: Record<string, unknown> = {
    "no map": [],
    nothing: null,
    "a field too many": { ...good, more: 1 },
    "a version that is no number": { ...good, version: "3" },
    "a version below 0": { ...good, version: -1 },
    "a node without an address": { ...good, nodes: [{ node: "n1", instance: "i" }] },
    "a node with a field too many": { ...good, nodes: [{ ...n1, pid: 1 }] },
    "an address that is no text": { ...good, nodes: [{ ...n1, address: 7100 }] },
    "an address too long": { ...good, nodes: [{ ...n1, address: "a".repeat(257) }] },
    "too many nodes": { ...good, nodes: Array.from({ length: limits.nodesMax + 1 }, () => n1) },
    "an owner that is not there": { ...good, owners: [1] },
    "an owner below -1": { ...good, owners: [-2] },
    "half an owner": { ...good, owners: [0.5] },
    "too many shards": { ...good, owners: Array.from({ length: limits.shardsMax + 1 }, () => 0) },
  }
  it.each(Object.keys(bad))("refuses %s", (what) => {
    expect(decodeShardMap(payloadOf(bad[what]))).toMatchObject({ _tag: "ProtocolError" })
  })

  it("holds the largest fabric", () => {
    const nodes = Array.from({ length: limits.nodesMax }, () => ({ ...n1, node: "n".repeat(256) }))
    const owners = Array.from({ length: limits.shardsMax }, (_, shard) => shard % nodes.length)
    expect(decodeShardMap(payloadOf({ version: 1, nodes, owners }))).toMatchObject({ owners })
  })
})
