import { isSkeinError, type SkeinError, skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { makeClient } from "../SkeinClient.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import { FabricLink } from "./FabricLink.js"

const away = skeinError("ConnectionFailed", "nobody is there")

const setup = () => {
  const clock = new TestClock()
  const fabric = new FakeFabric(clock)
  let attempts = 0
  const open = () => {
    attempts++
    return fabric.open()
  }
  return { clock, fabric, open, attempts: () => attempts, runtime: testRuntime(clock) }
}

const errorOf = async (promise: Promise<unknown>): Promise<SkeinError> => {
  try {
    await promise
  } catch (error) {
    if (isSkeinError(error)) return error
    throw error
  }
  throw new Error("it did not fail")
}

describe("FabricLink", () => {
  it("reconnects, telling its users in order, and backs off within bounds", async () => {
    const { clock, fabric, open, attempts, runtime } = setup()
    const link = new FabricLink(runtime, { open })
    const heard: string[] = []
    link.attach({
      linkUp: () => heard.push("up"),
      linkDown: () => heard.push("down"),
      linkClosed: (error) => heard.push(error._tag),
    })
    await settleAll()
    fabric.connectError = away
    fabric.disconnect()
    await clock.advance(60_000)
    const tried = attempts()
    expect(tried).toBeGreaterThan(120)
    expect(tried).toBeLessThan(250)
    expect(link.lastError).toBe(away)
    fabric.connectError = undefined
    await clock.advance(2000)
    await link.close()
    expect(heard).toEqual(["up", "down", "up", "FabricClosed"])
    await clock.advance(10_000)
    expect([clock.timers, attempts()]).toEqual([0, tried + 1])
  })

  it("does not hammer a node that accepts and drops", async () => {
    const { clock, fabric, open, attempts, runtime } = setup()
    const link = new FabricLink(runtime, { open })
    link.attach({ linkUp: () => fabric.disconnect(), linkDown: () => {}, linkClosed: () => {} })
    await clock.advance(20_000)
    expect(attempts()).toBeLessThan(85)
    await link.close()
  })

  it("ends at once on what no retry can help, before the first connection", async () => {
    const { fabric, open, attempts, runtime } = setup()
    fabric.connectError = skeinError("Unauthorized", "wrong token")
    expect((await errorOf(makeClient(open, { runtime })))._tag).toBe("Unauthorized")
    expect(attempts()).toBe(1)
  })

  it("keeps trying after it once was connected, whatever it is told", async () => {
    const { clock, fabric, open, runtime } = setup()
    const client = await makeClient(open, { runtime })
    fabric.connectError = skeinError("VersionUnsupported", "being upgraded")
    fabric.disconnect()
    const status = client.status()
    await clock.advance(10_000)
    fabric.connectError = undefined
    await clock.advance(3000)
    expect((await status).node).toBe("fake")
    await client.close()
  })

  it("says why when connecting takes too long, and stops trying", async () => {
    const { clock, fabric, open, attempts, runtime } = setup()
    fabric.connectError = away
    const failed = errorOf(makeClient(open, { runtime, timeoutMs: 1000 }))
    await clock.advance(1100)
    const error = await failed
    expect(error._tag).toBe("TimedOut")
    expect(error.detail).toContain("nobody is there")
    expect(error.data.outcome).toBe("not sent")
    expect(error.cause).toBe(away)
    const tried = attempts()
    await clock.advance(10_000)
    expect(attempts()).toBe(tried)
  })

  it("repeats control calls over a reconnect unless that changes their answer", async () => {
    const { clock, fabric, open, runtime } = setup()
    const client = await makeClient(open, { runtime })
    let drops = 1
    fabric.fault = () => (drops-- > 0 ? "dropAfter" : "none")
    const declared = client.declare("q")
    await clock.advance(1000)
    expect((await declared).name).toBe("q")
    drops = 1
    expect((await errorOf(client.delete("q")))._tag).toBe("ConnectionFailed")
    await client.close()
  })

  it("takes a signal for every call", async () => {
    const { open, runtime } = setup()
    const client = await makeClient(open, { runtime })
    const error = await errorOf(client.status({ signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ _tag: "Aborted", data: { outcome: "not sent" } })
    const aborted = makeClient(open, { runtime, signal: AbortSignal.abort() })
    expect((await errorOf(aborted))._tag).toBe("Aborted")
    expect((await errorOf(client.status({ timeoutMs: 0 })))._tag).toBe("ConfigInvalid")
    await client.close()
  })
})
