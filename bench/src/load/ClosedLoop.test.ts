import { describe, expect, it } from "vitest"
import type { Publisher } from "../System.js"
import { ClosedLoop, type ClosedLoopSettings, shareOf } from "./ClosedLoop.js"
import { Meter } from "./Meter.js"

const plain: ClosedLoopSettings = {
  size: 32,
  batch: 10,
  producers: 1,
  window: 50,
  await: false,
  lag: 1000,
}

const setup = (settings: ClosedLoopSettings, publisherCount = 1) => {
  const calls: { publisher: number; count: number; confirm: () => Promise<void> }[] = []
  const publishers = Array.from(
    { length: publisherCount },
    (_, publisher): Publisher => ({
      publish: (bodies) => {
        let confirm: () => void = () => undefined
        const confirmed = new Promise<void>((resolve) => {
          confirm = resolve
        })
        const settle = async (): Promise<void> => {
          confirm()
          await confirmed
          await Promise.resolve()
        }
        calls.push({ publisher, count: bodies.length, confirm: settle })
        return confirmed
      },
    }),
  )
  const meter = new Meter(
    () => 0,
    () => null,
  )
  const failures: unknown[] = []
  const onFailure = (error: unknown): void => void failures.push(error)
  const loop = new ClosedLoop(publishers, settings, meter, () => 0, onFailure)
  return { calls, meter, loop, failures }
}

describe("ClosedLoop", () => {
  it("keeps exactly the window unconfirmed", async () => {
    const { calls, loop } = setup(plain)
    loop.start()
    expect(calls.map(({ count }) => count)).toEqual([10, 10, 10, 10, 10])
    await calls[0]!.confirm()
    expect(calls).toHaveLength(6)
  })

  it("gives each of many awaiting producers one batch", async () => {
    const { calls, loop } = setup({ ...plain, producers: 1000, batch: 1, await: true, lag: 1e9 })
    loop.start()
    expect(calls).toHaveLength(1000)
    await calls[7]!.confirm()
    expect(calls).toHaveLength(1001)
  })

  it("waits for the consumer when it is too far ahead, and goes on when it may", () => {
    const { calls, meter, loop } = setup({ ...plain, lag: 20 })
    loop.start()
    expect(calls).toHaveLength(2)
    loop.consumed()
    expect(calls).toHaveLength(2)
    meter.consumed = 10
    loop.consumed()
    expect(calls).toHaveLength(3)
  })

  it("takes turns over its queues", () => {
    const { calls, loop } = setup(plain, 3)
    loop.start()
    expect(calls.map(({ publisher }) => publisher)).toEqual([0, 1, 2, 0, 1])
  })

  it("ends after the messages it was given, when they are confirmed", async () => {
    const { calls, meter, loop } = setup({ ...plain, stopAfter: 20 })
    loop.start()
    expect(calls).toHaveLength(2)
    const idle = loop.whenIdle()
    for (const { confirm } of calls) await confirm()
    await idle
    expect(meter.published).toBe(20)
  })

  it("hands a refused publish to its owner and sends no more", async () => {
    const failures: unknown[] = []
    const meter = new Meter(
      () => 0,
      () => null,
    )
    const refusing: Publisher = { publish: () => Promise.reject(new Error("full")) }
    const loop = new ClosedLoop(
      [refusing],
      plain,
      meter,
      () => 0,
      (e) => failures.push(e),
    )
    loop.start()
    await loop.whenIdle()
    expect(failures).toHaveLength(5)
    expect(meter.sent).toBe(50)
  })
})

describe("shareOf", () => {
  it("covers every queue once when there are fewer producers", () => {
    const shares = [0, 1, 2].map((index) => shareOf(["a", "b", "c", "d", "e"], index, 3))
    expect(shares).toEqual([["a", "d"], ["b", "e"], ["c"]])
    expect(shareOf(["a", "b"], 4, 5)).toEqual(["a"])
  })
})
