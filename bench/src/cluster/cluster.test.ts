import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { authorCase } from "./authorCase.js"
import { stepsOf } from "./scenarios/Scale.js"
import { pairsOf } from "./scenarios/Zipf.js"
import { shardName, shardsInTurns } from "./streams.js"

const nodesOf = (...shards: readonly (readonly number[])[]) =>
  ({ nodes: shards.map((own) => ({ shards: own })) }) as unknown as Parameters<
    typeof shardsInTurns
  >[0]

describe("shardsInTurns", () => {
  it("takes from each node in turn, and none that is left out", () => {
    const status = nodesOf([0, 3, 6], [1, 4], [2])
    expect(shardsInTurns(status, 4, [0])).toEqual([3, 1, 2, 6])
    expect(shardsInTurns(status, 99, [0, 1])).toEqual([3, 4, 2, 6])
    expect(shardsInTurns(status, 2, [])).toEqual([0, 1])
  })

  it("takes every shard once", () => {
    const nodes = fc.array(fc.uniqueArray(fc.nat(9)), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(nodes, (all) => {
        const distinct = all.map((own, node) => own.map((shard) => 10 * node + shard))
        const taken = shardsInTurns(nodesOf(...distinct), 1000, [])
        expect([...taken].sort()).toEqual(distinct.flat().sort())
      }),
    )
  })
})

describe("stepsOf", () => {
  it("doubles, and ends with what was asked", () => {
    expect([1, 2, 6, 8].map(stepsOf)).toEqual([[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]])
  })
})

describe("pairsOf", () => {
  it("puts a prediction beside what was there ten seconds later", () => {
    const at = (seconds: number, load: number, predicted: number | null) => ({
      ...{ atMs: 1000 * seconds, load, messages: 1, predicted },
    })
    const samples = [at(0, 3, 1.2), at(5, 2, null), at(9, 1.5, 1.3), at(10, 1.3, null)]
    expect(pairsOf(samples)).toEqual([{ atMs: 0, before: 3, predicted: 1.2, reached: 1.3 }])
  })
})

describe("authorCase", () => {
  it("sums what all streams saw", () => {
    const one = { confirmed: 5, arrived: 4, lost: 1, repeated: 2, wrong: 0, name: "load" }
    const audit = { ...one, unsent: 0, errors: 3, errorTexts: [] }
    expect(authorCase([audit, audit]).facts).toEqual({
      ...{ confirmed: 10, errors: 6, lost: 2, wrong: 0, repeated: 4 },
    })
    expect(shardName(7)).toBe("s007")
  })
})
