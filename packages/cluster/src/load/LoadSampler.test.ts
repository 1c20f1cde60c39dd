import { ManualClock } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { LoadSampler } from "./LoadSampler.js"
import { ShardMeter } from "./ShardMeter.js"

const setUp = () => {
  const clock = new ManualClock()
  const meters = new Map<number, ShardMeter>([[3, new ShardMeter()]])
  const sampler = new LoadSampler(clock, () => meters)
  const work = (shard: number, messages: number, busyMs: number) => {
    const meter = meters.get(shard)
    if (meter === undefined) throw new Error("no such shard")
    meter.messages += messages
    meter.bytes += messages * 100
    meter.busyMs += busyMs
    meter.depth += messages
    meter.confirmed(3.9, messages)
  }
  return { clock, meters, sampler, work }
}

describe("LoadSampler", () => {
  it("tells rates since the last sample", () => {
    const { clock, sampler, work } = setUp()
    work(3, 500, 100)
    clock.advance(2_000)
    expect(sampler.loads()).toEqual([
      {
        ...{ shard: 3, messagesPerSecond: 250, bytesPerSecond: 25_000 },
        ...{ depth: 500, busy: 0.05, confirmP99Ms: 4 },
      },
    ])
    work(3, 10, 900)
    clock.advance(1_000)
    expect(sampler.loads()).toMatchObject([{ messagesPerSecond: 10, busy: 0.9, depth: 510 }])
    clock.advance(1_000)
    expect(sampler.loads()).toMatchObject([{ messagesPerSecond: 0, busy: 0, confirmP99Ms: 0 }])
  })

  it("answers everybody who asks within a period the same sample", () => {
    const { clock, sampler, work } = setUp()
    clock.advance(1_000)
    const first = sampler.loads()
    work(3, 100, 50)
    clock.advance(500)
    expect(sampler.loads()).toBe(first)
    clock.advance(500)
    expect(sampler.loads()).toMatchObject([{ messagesPerSecond: 100 }])
  })

  it("a shard that was opened again begins at nothing; one that closed is not told", () => {
    const { clock, meters, sampler, work } = setUp()
    work(3, 100, 50)
    clock.advance(1_000)
    sampler.loads()
    meters.set(3, new ShardMeter())
    meters.set(1, new ShardMeter())
    work(3, 40, 10)
    clock.advance(1_000)
    expect(sampler.loads()).toMatchObject([
      { shard: 1, messagesPerSecond: 0 },
      { shard: 3, messagesPerSecond: 40 },
    ])
    meters.delete(3)
    clock.advance(1_000)
    expect(sampler.loads().map(({ shard }) => shard)).toEqual([1])
  })
})
