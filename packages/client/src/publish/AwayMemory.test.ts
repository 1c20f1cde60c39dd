import { skeinError } from "@skein/model"
import { describe, expect, it, vi } from "vitest"
import { makeClient, Queue } from "../index.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import { Outbox } from "./Outbox.js"

describe("Publisher while the fabric is away", () => {
  it("lets go of calls that have timed out", async () => {
    const clock = new TestClock()
    const fabric = new FakeFabric(clock)
    const client = await makeClient(fabric.open, { runtime: testRuntime(clock) })
    const bytes = Queue.bytes("q")
    await client.declare(bytes, {})
    const queue = client.queue(bytes)
    await queue.info()
    const outboxes = new Set<Outbox>()
    const push = vi.spyOn(Outbox.prototype, "push")
    push.mockImplementation(function (this: Outbox, call) {
      outboxes.add(this)
      return original.call(this, call)
    })
    fabric.connectError = skeinError("ConnectionFailed", "away")
    fabric.disconnect()
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 1000; i++) {
        queue.publish(Uint8Array.of(i & 255), { timeoutMs: 100 }).catch(() => undefined)
      }
      await settleAll()
      await clock.advance(1000)
    }
    push.mockRestore()
    expect([...outboxes].length).toBe(1)
    // Every call has ended: nothing of them may be left.
    expect([...outboxes][0].messages).toBe(0)
    await client.close()
  })
})
const original = Outbox.prototype.push
