import { Arbitrary, Either, FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { limits } from "./limits.js"
import {
  decodeQueuePolicy,
  defaultQueuePolicy,
  QueuePolicy,
  sameQueuePolicy,
} from "./QueuePolicy.js"

const settings = Object.keys(QueuePolicy.fields) as (keyof QueuePolicy)[]
const anyPolicy = Arbitrary.make(QueuePolicy)

const bounds: Readonly<Record<keyof QueuePolicy, readonly [number, number]>> = {
  leaseMs: [limits.leaseMinMs, limits.leaseMaxMs],
  dedupWindowMs: [0, limits.dedupWindowMaxMs],
  messagesMax: [1, limits.messagesPerQueueMax],
  bytesMax: [1, limits.bytesPerQueueMax],
  bodyBytesMax: [1, limits.bodyBytesMax],
}

describe("the policy of a queue", () => {
  it("is whole when nothing is given", () => {
    expect(defaultQueuePolicy).toEqual({
      leaseMs: limits.leaseDefaultMs,
      dedupWindowMs: limits.dedupWindowDefaultMs,
      messagesMax: limits.messagesPerQueueDefault,
      bytesMax: limits.bytesPerQueueDefault,
      bodyBytesMax: limits.bodyBytesDefault,
    })
  })

  it("remembers dedup ids for 10 minutes unless set", () => {
    expect(defaultQueuePolicy.dedupWindowMs).toBe(600_000)
  })

  it.each(settings)("%s is taken within its bounds and refused by name beyond", (setting) => {
    const [low, high] = bounds[setting]
    for (const value of [low, high]) {
      const decoded = decodeQueuePolicy({ [setting]: value })
      expect(Either.getOrThrow(decoded)).toEqual({ ...defaultQueuePolicy, [setting]: value })
    }
    for (const odd of [low - 1, high + 1, low + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const refused = Either.flip(decodeQueuePolicy({ [setting]: odd }))
      expect(Either.getOrThrow(refused).message).toContain(setting)
    }
    for (const odd of ["1000", null, [], true]) {
      expect(Either.isLeft(decodeQueuePolicy({ [setting]: odd }))).toBe(true)
    }
  })

  it("an unknown setting is refused by name", () => {
    const refused = Either.flip(decodeQueuePolicy({ leasems: 5_000 }))
    expect(Either.getOrThrow(refused).message).toContain("leasems")
  })

  it("what was decoded is decoded to itself", () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        expect(Either.getOrThrow(decodeQueuePolicy(policy))).toEqual(policy)
      }),
    )
  })

  it("is the same when every setting is, and no setting is forgotten", () => {
    fc.assert(
      fc.property(anyPolicy, fc.constantFrom(...settings), (policy, setting) => {
        expect(sameQueuePolicy(policy, { ...policy })).toBe(true)
        const other = { ...policy, [setting]: policy[setting] + 1 }
        expect(sameQueuePolicy(policy, other)).toBe(false)
        expect(sameQueuePolicy(other, policy)).toBe(false)
      }),
    )
  })
})
