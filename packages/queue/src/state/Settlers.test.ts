import { limits } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { packSettlers, unpackSettlers } from "../codec/settlersChunk.js"
import { Lanes } from "./Lanes.js"
import { blocksMax, nobody, Settlers, tagsMax } from "./Settlers.js"

const { blockMessages } = limits

const fresh = () => {
  const lanes = new Lanes()
  return { lanes, settlers: new Settlers(lanes) }
}

const restored = (from: Settlers) => {
  const { lanes, settlers } = fresh()
  const blocks = [...from.blocks].sort(([, a], [, b]) => a.ordinal - b.ordinal)
  for (const [index, block] of blocks) {
    settlers.restore(index, unpackSettlers(Uint8Array.from(packSettlers(block))))
  }
  return { lanes, settlers }
}

describe("Settlers", () => {
  it("knows by which tag each message was settled", () => {
    const { settlers } = fresh()
    expect(settlers.isEmpty).toBe(true)
    settlers.note(5, 7, { epoch: 2, attempt: 1 })
    settlers.note(8, 8, nobody)
    settlers.note(9, 9, { epoch: 2, attempt: 70_000 })
    expect([4, 5, 7, 8, 9, 10].map((sequence) => settlers.find(sequence))).toEqual([
      undefined,
      { epoch: 2, attempt: 1 },
      { epoch: 2, attempt: 1 },
      nobody,
      { epoch: 2, attempt: 70_000 },
      undefined,
    ])
  })

  it("forgets the blocks that were entered first, whatever their numbers", () => {
    const { settlers, lanes } = fresh()
    const tag = { epoch: 1, attempt: 1 }
    const sequenceIn = (order: number): number => (blocksMax + 9 - order) * blockMessages
    for (let order = 0; order < blocksMax; order++) {
      settlers.note(sequenceIn(order), sequenceIn(order), tag)
    }
    const again = restored(settlers)
    for (const each of [settlers, again.settlers]) {
      each.note(sequenceIn(blocksMax), sequenceIn(blocksMax), tag)
      expect(each.find(sequenceIn(0))).toBeUndefined()
      expect(each.find(sequenceIn(1))).toEqual(tag)
      expect(each.blocks.size).toBe(blocksMax)
    }
    expect([...again.settlers.gone]).toEqual([blocksMax + 9])
    expect([again.lanes.a, again.lanes.b]).toEqual([lanes.a, lanes.b])
  })

  it("does not drop the chunk of a block that was forgotten and entered again", () => {
    const { settlers } = fresh()
    settlers.note(1, 1, nobody)
    settlers.markSaved()
    for (let index = 1; index <= blocksMax; index++) {
      settlers.note(index * blockMessages, index * blockMessages, nobody)
    }
    expect([...settlers.gone]).toEqual([0])
    settlers.note(2, 2, nobody)
    expect([[...settlers.gone], settlers.dirty.has(0)]).toEqual([[], true])
    settlers.clear()
    expect([...settlers.gone]).toEqual([0])
  })

  it("forgets a block's oldest tag when it has too many", () => {
    const { settlers } = fresh()
    for (let attempt = tagsMax; attempt > 0; attempt--) {
      settlers.note(attempt, attempt, { epoch: 1, attempt })
    }
    settlers.note(1_000, 1_001, { epoch: 2, attempt: 0 })
    expect(settlers.find(1)).toBeUndefined()
    expect(settlers.find(2)).toEqual({ epoch: 1, attempt: 2 })
    expect(settlers.find(1_001)).toEqual({ epoch: 2, attempt: 0 })
  })

  it("tells what of a range it remembers, however wide the range is", () => {
    const { settlers } = fresh()
    settlers.note(7 * blockMessages + 5, 7 * blockMessages + 6, nobody)
    settlers.note(3 * blockMessages, 3 * blockMessages, nobody)
    expect(settlers.parts(3 * blockMessages + 10, Number.MAX_SAFE_INTEGER)).toEqual([
      [3 * blockMessages + 10, 4 * blockMessages - 1],
      [7 * blockMessages, 8 * blockMessages - 1],
    ])
    expect(settlers.parts(3 * blockMessages, 3 * blockMessages + 9)).toEqual([
      [3 * blockMessages, 3 * blockMessages + 9],
    ])
    expect(settlers.parts(1, 3 * blockMessages - 1)).toEqual([])
  })

  it("goes on alike from its chunks, and leaves nothing in the digest when cleared", () => {
    const step = fc.tuple(fc.nat(3), fc.nat(400), fc.nat(2))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 500 }), fc.nat(500), (steps, cut) => {
        let copy = fresh()
        const { lanes, settlers } = fresh()
        let next = 1
        steps.forEach(([block, attempt, epoch], at) => {
          if (at === cut) copy = restored(settlers)
          // Each message is settled once; more than 255 tags in a block.
          const sequence = block * blockMessages + next++
          settlers.note(sequence, sequence, { epoch, attempt })
          copy.settlers.note(sequence, sequence, { epoch, attempt })
        })
        expect([copy.lanes.a, copy.lanes.b]).toEqual([lanes.a, lanes.b])
        for (let sequence = 1; sequence < next; sequence++) {
          expect(copy.settlers.find(sequence)).toEqual(settlers.find(sequence))
        }
        settlers.clear()
        expect([lanes.a, lanes.b]).toEqual([0, 0])
      }),
      { numRuns: 50 },
    )
  })
})

describe("a chunk", () => {
  it("has the bytes it always had", () => {
    const { settlers } = fresh()
    settlers.note(10, 40, { epoch: 3, attempt: 2 })
    settlers.note(41, 41, nobody)
    const [block] = [...settlers.blocks.values()]
    expect(Buffer.from(packSettlers(block)).toString("hex")).toBe("9a01010a1f030229010000")
  })

  it("is ShardCorrupt when it is damaged", () => {
    const { settlers } = fresh()
    settlers.note(10, 40, { epoch: 3, attempt: 2 })
    const [block] = [...settlers.blocks.values()]
    const whole = Uint8Array.from(packSettlers(block))
    for (let length = 0; length < whole.length; length++) {
      expect(() => unpackSettlers(whole.slice(0, length))).toThrow(
        expect.objectContaining({ _tag: "ShardCorrupt" }),
      )
    }
  })
})
