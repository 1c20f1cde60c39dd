import { describe, expect, it } from "vitest"
import { limits } from "./limits.js"

describe("limits", () => {
  it("each is a positive whole number", () => {
    for (const [name, limit] of Object.entries(limits)) {
      expect(Number.isSafeInteger(limit) && limit > 0, name).toBe(true)
    }
  })

  it("what lies in something else fits into it", () => {
    expect(limits.bodyBytesMax).toBeLessThan(limits.frameBytesMax)
    expect(limits.frameBytesAim).toBeLessThan(limits.frameBytesMax)
    expect(limits.frameBytesMax).toBeLessThan(limits.envelopeBytesMax)
    expect(limits.frameBytesMax).toBeLessThan(limits.recordBytesMax)
    expect(limits.recordBytesMax).toBeLessThan(limits.logSegmentBytes)
    expect(limits.logSegmentBytes).toBeLessThan(limits.logUncleanedBytesMax)
    expect(limits.helloBytesMax).toBeLessThan(limits.envelopeBytesMax)
    expect(limits.envelopeBytesMax).toBeLessThan(limits.inFlightBytesPerConnectionMax)
  })

  it("a default lies within its bounds", () => {
    expect(limits.bodyBytesDefault).toBeLessThanOrEqual(limits.bodyBytesMax)
    expect(limits.shardsDefault).toBeLessThanOrEqual(limits.shardsMax)
    expect(limits.leaseDefaultMs).toBeGreaterThanOrEqual(limits.leaseMinMs)
    expect(limits.leaseDefaultMs).toBeLessThanOrEqual(limits.leaseMaxMs)
    expect(limits.dedupWindowDefaultMs).toBeLessThanOrEqual(limits.dedupWindowMaxMs)
    expect(limits.messagesPerQueueDefault).toBeLessThanOrEqual(limits.messagesPerQueueMax)
    expect(limits.bytesPerQueueDefault).toBeLessThanOrEqual(limits.bytesPerQueueMax)
  })

  it("a client gives up long before the queue forgets it: it never repeats into that", () => {
    expect(limits.unconfirmedAfterMs * 10).toBeLessThan(limits.producerForgottenAfterMs)
  })

  it("a producer's results cover what it may have in flight", () => {
    expect(limits.producerResultsMax).toBeGreaterThanOrEqual(limits.publishFramesInFlightMax)
  })
})
