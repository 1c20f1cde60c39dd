import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Ledger, sumOf } from "./Ledger.js"

const flagged = (): boolean => true
const unflagged = (): boolean => false

describe("Ledger", () => {
  it("knows what was confirmed and never came", () => {
    const numbers = fc.uniqueArray(fc.nat(3000))
    fc.assert(
      fc.property(numbers, numbers, (confirmed, arrived) => {
        const ledger = new Ledger()
        for (const number of confirmed) ledger.confirmed(number, 1)
        for (const number of arrived) ledger.arrived(number, flagged)
        const lost = confirmed.filter((number) => !arrived.includes(number)).length
        expect(ledger.audit()).toMatchObject({
          ...{ confirmed: confirmed.length, arrived: arrived.length, lost, repeated: 0, wrong: 0 },
        })
      }),
    )
  })

  it("asks for a flag only of what comes again or late", () => {
    const ledger = new Ledger()
    ledger.confirmed(0, 4)
    const never = (): boolean => {
      throw new Error("asked")
    }
    for (const number of [0, 1, 3]) ledger.arrived(number, never)
    expect(ledger.audit()).toMatchObject({ lost: 1, repeated: 0, wrong: 0 })
    ledger.arrived(2, flagged)
    expect(ledger.audit()).toMatchObject({ lost: 0, repeated: 0, wrong: 0 })
    ledger.arrived(2, flagged)
    expect(ledger.audit()).toMatchObject({ repeated: 1, wrong: 0 })
    ledger.arrived(1, unflagged)
    expect(ledger.audit()).toMatchObject({ arrived: 4, repeated: 1, wrong: 1 })
  })

  it("sums those of several queues", () => {
    const [one, other] = [new Ledger(), new Ledger()]
    one.confirmed(0, 3)
    other.confirmed(0, 2)
    other.arrived(0, unflagged)
    expect(sumOf([one.audit(), other.audit()])).toEqual({
      ...{ confirmed: 5, arrived: 1, lost: 4, repeated: 0, wrong: 0 },
    })
  })
})
