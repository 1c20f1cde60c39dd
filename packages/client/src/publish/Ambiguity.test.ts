import { skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { makeClient, Queue } from "../index.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"

const bytes = Queue.bytes("q")
const body = (index: number): Uint8Array => Uint8Array.of(index >> 8, index & 255)

describe("Publisher: a frame whose commit's outcome was unknown", () => {
  it("keeps its number and content when it is refused on its way back over the same connection", async () => {
    const clock = new TestClock()
    const fabric = new FakeFabric(clock)
    const client = await makeClient(fabric.open, { runtime: testRuntime(clock) })
    await client.declare(bytes, {})
    const queue = client.queue(bytes)
    await queue.info()
    const stored = fabric.queue("q")
    const publish = stored.publish.bind(stored)
    // The shard closes over the commit (which is durable), and is not open yet at the first repeat.
    let phase: "open" | "opening" | "closing" = "closing"
    stored.publish = (request) => {
      if (phase === "opening") return skeinError("ShardUnavailable", "not open yet")
      const answer = publish(request)
      if (phase === "open") return answer
      phase = "opening"
      return skeinError("ShardUnavailable", "closed", { outcome: "unknown" })
    }
    const first = queue.publish(body(1), { timeoutMs: 3000 }).catch((error: unknown) => error)
    await settleAll()
    await clock.advance(4000)
    await first
    const second = queue.publish(body(2))
    await settleAll()
    phase = "open"
    await clock.advance(5000)
    const { sequence } = await second
    // Confirmed, so it must lie where its publisher was told.
    expect(stored.messages.map((one) => one.body.at(-1))).toContain(2)
    expect(stored.messages[(sequence ?? 0) - 1].body.at(-1)).toBe(2)
    await client.close()
  })
})
