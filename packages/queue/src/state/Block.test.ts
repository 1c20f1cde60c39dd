import { InvariantViolation } from "@skein/model"
import { expect, it } from "vitest"
import { Block } from "./Block.js"
import { blockMessages, flaggedLanes, openLanes, readyLanes } from "./bits.js"
import { Fact, Lanes } from "./Lanes.js"
import { tallyMax } from "./Tally.js"

const filled = (): { readonly block: Block; readonly lanes: Lanes } => {
  const block = new Block(3)
  block.add(0, blockMessages - 1)
  return { block, lanes: new Lanes() }
}

it("follows messages through their states", () => {
  const { block, lanes } = filled()
  block.lease(10, 300)
  expect([block.ready, block.leased]).toEqual([4096 - 291, 291])
  expect(block.settle(290, 310, lanes)).toBe(11)
  expect(block.putBack(10, 20, lanes)).toBe(11)
  expect(block.seek(readyLanes, 0)).toBe(0)
  expect(block.runEnd(readyLanes, 0, 4095)).toBe(20)
  expect(block.seek(readyLanes, 21)).toBe(311)
  expect(block.runEnd(readyLanes, 311, 4095)).toBe(4095)
})

it("refuses changes that cannot be", () => {
  const { block, lanes } = filled()
  expect(() => block.add(5, 5)).toThrow(InvariantViolation)
  block.lease(7, 7)
  expect(() => block.lease(7, 7)).toThrow(InvariantViolation)
  block.settle(7, 7, lanes)
  expect(() => block.settle(7, 7, lanes)).toThrow(InvariantViolation)
  expect(() => block.putBack(7, 7, lanes)).toThrow(InvariantViolation)
})

it("takes every fact out of the digest again", () => {
  const { block, lanes } = filled()
  block.touch(lanes)
  block.lease(0, 99)
  block.count("failed", 5, 60, lanes)
  block.count("failed", 9, 9, lanes)
  block.count("returned", 9, 12, lanes)
  block.markOpen(50, 70, lanes)
  expect(block.reopen(lanes)).toBe(21)
  expect(block.ready).toBe(4096)
  expect(block.attempt(9)).toBe(3)
  expect(block.attempt(55)).toBe(2)
  block.settle(0, 4095, lanes)
  expect([lanes.a, lanes.b, block.marks]).toEqual([0, 0, 0])
  block.drain(block.base + 4096)
  expect(block.words).toBeUndefined()
})

it("flags what was touched, and only that", () => {
  const { block, lanes } = filled()
  block.settle(100, 199, lanes)
  block.reopen(lanes)
  expect(block.seek(flaggedLanes, 0)).toBe(blockMessages)
  block.touch(lanes)
  block.reopen(lanes)
  const runs: number[] = []
  block.runs(flaggedLanes, 0, 4095, (first, last) => runs.push(first, last))
  expect(runs).toEqual([0, 99, 200, 4095])
  expect(block.seek(openLanes, 0)).toBe(blockMessages)
})

it("counts stop at their limit, and the digest with them", () => {
  const { block, lanes } = filled()
  for (let at = 0; at < tallyMax; at++) block.count("failed", 1, 1, lanes)
  const told = [lanes.a, lanes.b]
  block.count("failed", 1, 1, lanes)
  expect([lanes.a, lanes.b]).toEqual(told)
  expect(block.failures(1)).toBe(tallyMax)
  lanes.span(Fact.failed, block.base + 1, block.base + 1, -tallyMax)
  expect([lanes.a, lanes.b]).toEqual([0, 0])
})
