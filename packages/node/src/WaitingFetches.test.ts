import { skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { FetchWait } from "./FetchWait.js"
import { WaitingFetches } from "./WaitingFetches.js"

const call = (fetchNumber: number) =>
  new FetchWait(
    {
      _tag: "Fetch",
      session: "1".repeat(32),
      fetchNumber,
      messagesMax: 1,
      bytesMax: 1,
      waitMs: 0,
      settles: [],
    },
    { cancelFetch: () => {} },
  )

describe("WaitingFetches", () => {
  it("lets the newer of two calls of one fetch wait, the older gets nothing", async () => {
    const waiting = new WaitingFetches()
    const [older, newer, other] = [call(1), call(1), call(2)]
    for (const wait of [older, other, newer]) waiting.begin(wait)
    expect(await older.delivered).toEqual([])
    expect([waiting.has(older), waiting.has(newer), waiting.size]).toEqual([false, true, 2])
    expect([older.stage, newer.stage]).toEqual(["ended", "waiting"])
  })

  it("gives each away once, in any order, and holds nothing in the end", () => {
    const waiting = new WaitingFetches()
    const waits = [call(1), call(2)]
    for (const wait of waits) waiting.begin(wait)
    expect(waiting.take(waits[1].key)).toBe(waits[1])
    expect(waiting.take(waits[1].key)).toBeUndefined()
    expect(waiting.take(waits[0].key)).toBe(waits[0])
    expect([waiting.size, waiting.take(waits[0].key)]).toEqual([0, undefined])
  })

  it("fails one call without its newer one, and all that are left", async () => {
    const waiting = new WaitingFetches()
    const [older, newer, other] = [call(1), call(1), call(2)]
    waiting.begin(newer)
    waiting.begin(other)
    waiting.fail(older, skeinError("Overloaded", "full"))
    await expect(older.delivered).rejects.toMatchObject({ _tag: "Overloaded" })
    expect(waiting.size).toBe(2)
    waiting.failAll(skeinError("FabricClosed", "over"))
    for (const wait of [newer, other]) {
      await expect(wait.delivered).rejects.toMatchObject({ _tag: "FabricClosed" })
    }
    expect(waiting.size).toBe(0)
  })
})
