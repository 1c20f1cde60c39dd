import { ManualClock } from "@skein/journal"
import { skeinError } from "@skein/model"
import type { ShardLoad } from "@skein/placement"
import { describe, expect, it } from "vitest"
import type { NodePort } from "../engine/NodeDoors.js"
import { FabricLoads } from "./FabricLoads.js"

const loadOf = (shard: number, messagesPerSecond: number): ShardLoad => ({
  ...{ shard, messagesPerSecond, bytesPerSecond: 0 },
  ...{ depth: 0, busy: 0, confirmP99Ms: 0 },
})

const setUp = () => {
  const clock = new ManualClock()
  const answers = new Map<string, () => Promise<readonly ShardLoad[]>>()
  const asked: string[] = []
  const fabric = new FabricLoads(clock, {
    living: () => [...answers.keys()],
    at: (node) => {
      asked.push(node)
      return { loads: answers.get(node) } as NodePort
    },
  })
  const rates = () =>
    [...fabric.loads().values()].map((load) => [load.shard, load.messagesPerSecond])
  const second = async () => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    clock.advance(1_000)
  }
  return { clock, answers, asked, rates, second }
}

describe("FabricLoads", () => {
  it("asks each living node once a period, and knows what each said last", async () => {
    const { answers, asked, rates, second } = setUp()
    answers.set("n1", async () => [loadOf(0, 10)])
    answers.set("n2", async () => [loadOf(1, 20)])
    expect(rates()).toEqual([])
    await second()
    expect(rates()).toEqual([
      [0, 10],
      [1, 20],
    ])
    expect(asked).toEqual(["n1", "n2", "n1", "n2"])
  })

  it("a node that does not answer holds up nobody, and is forgotten after a while", async () => {
    const { answers, asked, rates, second } = setUp()
    let fails: "error" | "never" | undefined
    answers.set("n1", async () => [loadOf(0, 10)])
    answers.set("n2", async () => {
      if (fails === "never") await new Promise(() => {})
      if (fails === "error") throw skeinError("TimedOut", "no answer")
      return [loadOf(1, 20)]
    })
    rates()
    await second()
    fails = "error"
    rates()
    await second()
    fails = "never"
    expect(rates()).toHaveLength(2)
    await second()
    expect(rates()).toHaveLength(2)
    await second()
    expect(rates()).toEqual([[0, 10]])
    // Its call has not ended: it got no second one.
    expect(asked.filter((node) => node === "n2")).toHaveLength(3)
  })

  it("a shard that moved is as its new owner tells it", async () => {
    const { answers, rates, second } = setUp()
    answers.set("n2", async () => [loadOf(1, 20)])
    rates()
    await second()
    answers.delete("n2")
    answers.set("n1", async () => [loadOf(1, 5)])
    expect(rates()).toEqual([[1, 20]])
    await second()
    expect(rates()).toEqual([[1, 5]])
  })
})
