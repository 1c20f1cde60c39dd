import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Outbox } from "./Outbox.js"
import type { OutFrame } from "./OutFrame.js"
import { PublishCall } from "./PublishCall.js"

type Step =
  | { readonly do: "end"; readonly which: number }
  | { readonly do: "push"; readonly count: number }
  | { readonly do: "putBack" | "take"; readonly count: number }

const count = fc.integer({ min: 1, max: 6 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("push" as const), count }),
  fc.record({ do: fc.constantFrom<"putBack" | "take">("putBack", "take"), count }),
  fc.record({ do: fc.constant("end" as const), which: fc.nat({ max: 9 }) }),
)

const callOf = (messages: number): PublishCall => {
  const body = Uint8Array.of(0xc0)
  const many = Array.from({ length: messages }, () => ({ body }))
  const call = new PublishCall(body, many, messages, 0, 0)
  call.promise.catch(() => undefined)
  return call
}

const unsentOf = (call: PublishCall): number => call.count - call.next

describe("Outbox", () => {
  it("counts what waits, and holds no more ended calls than others", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const outbox = new Outbox()
        const calls: PublishCall[] = []
        let frames: OutFrame[] = []
        const end = (call: PublishCall | undefined): void => {
          if (call === undefined || call.done) return
          call.done = true
          outbox.ended(call)
        }
        for (const one of steps) {
          if (one.do === "push") {
            const call = callOf(one.count)
            calls.push(call)
            outbox.push(call)
          } else if (one.do === "end") end(calls.filter((call) => !call.done)[one.which])
          else if (one.do === "take") {
            const frame = outbox.take(one.count)
            if (frame !== undefined) frames.push(frame)
          } else {
            outbox.putBack(frames)
            frames = []
          }
          const alive = calls.filter((call) => !call.done && unsentOf(call) > 0)
          expect(outbox.waiting()).toEqual(alive)
          const waiting = alive.reduce((sum, call) => sum + unsentOf(call), 0)
          expect(outbox.messages).toBeGreaterThanOrEqual(waiting)
          const endedMessages = outbox.messages - waiting
          if (one.do === "end") expect(endedMessages).toBeLessThanOrEqual(6 * alive.length)
        }
        for (const call of calls) end(call)
        expect([outbox.messages, outbox.bytes]).toEqual([0, 0])
      }),
      { numRuns: 500 },
    )
  })
})
