import { isSkeinError } from "@skein/model"
import { expect, it } from "vitest"
import { columnsOf, type MessageOptions } from "./columnsOf.js"

const tagOf = (options: unknown): string | undefined => {
  try {
    columnsOf(options as MessageOptions)
    return undefined
  } catch (error) {
    return isSkeinError(error) ? error._tag : String(error)
  }
}

it("refuses columns of another type or size with the publisher's error", () => {
  expect(tagOf({ key: "k", headers: { a: 1 }, dedupId: "d" })).toBeUndefined()
  for (const wrong of [{ key: 7 }, { dedupId: 5 }, { dedupId: "" }, { key: null }]) {
    expect(tagOf(wrong)).toBe("PayloadInvalid")
  }
  expect(tagOf({ headers: { f: () => {} } })).toBe("PayloadInvalid")
  expect(tagOf({ key: "k".repeat(2_000) })).toBe("LimitExceeded")
})
