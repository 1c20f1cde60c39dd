import { limits } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Mailbox } from "./Mailbox.js"

describe("Mailbox", () => {
  it("gives back what was put, first come, first served", () => {
    const step = fc.oneof(fc.constant("take" as const), fc.nat({ max: 9 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4000 }), (steps) => {
        const mailbox = new Mailbox<number>()
        const model: number[] = []
        for (const what of steps) {
          if (what === "take") expect(mailbox.take()).toBe(model.shift())
          else {
            model.push(what)
            expect(mailbox.put(what, 1)).toBe(true)
          }
          expect(mailbox.length).toBe(model.length)
        }
        expect(mailbox.drain()).toEqual(model)
        expect(mailbox.length).toBe(0)
      }),
      { numRuns: 30 },
    )
  })

  it("refuses beyond its number of commands, but not the node's own", () => {
    const mailbox = new Mailbox<number>()
    for (let at = 0; at < limits.mailboxCommandsMax; at++) expect(mailbox.put(at, 1)).toBe(true)
    expect(mailbox.put(0, 1)).toBe(false)
    mailbox.putAlways(7)
    expect(mailbox.length).toBe(limits.mailboxCommandsMax + 1)
  })

  it("refuses beyond its bytes, but takes one large item when it is empty", () => {
    const mailbox = new Mailbox<number>()
    expect(mailbox.put(1, limits.mailboxBytesMax + 1)).toBe(true)
    expect(mailbox.put(2, 1)).toBe(false)
    expect(mailbox.take()).toBe(1)
    expect(mailbox.put(2, 1)).toBe(true)
  })
})
