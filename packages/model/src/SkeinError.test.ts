import { Either, FastCheck as fc, Schema } from "effect"
import { describe, expect, it } from "vitest"
import {
  decodeError,
  type ErrorTag,
  encodeError,
  errorTable,
  isSkeinError,
  SkeinErrorEncoded,
  skeinError,
} from "./SkeinError.js"

const tags = Object.keys(errorTable) as ErrorTag[]
const anyTag = fc.constantFrom(...tags)
/** The wire refuses a map with the key `__proto__`, so none arrives here. */
const anyKey = fc.string().filter((key) => key !== "__proto__")
const anyData = fc.dictionary(anyKey, fc.oneof(fc.string(), fc.double({ noNaN: true })))

describe("the table of errors", () => {
  it("gives each tag a code of its own that begins with SKEIN_", () => {
    const codes = tags.map((tag) => errorTable[tag].code)
    expect(new Set(codes).size).toBe(tags.length)
    for (const code of codes) expect(code).toMatch(/^SKEIN_[A-Z]+(_[A-Z]+)*$/)
  })

  it("spells the code as its tag, but for InternalError", () => {
    const spelled = (tag: string): string => tag.replace(/(?<!^)[A-Z]/g, "_$&").toUpperCase()
    for (const tag of tags) {
      const expected = tag === "InternalError" ? "INTERNAL" : spelled(tag)
      expect(errorTable[tag].code).toBe(`SKEIN_${expected}`)
    }
  })

  it("says what to do next in one line", () => {
    for (const tag of tags) {
      expect(errorTable[tag].next).toMatch(/^[A-Z].{10,110}[.?]$/)
    }
  })

  it("calls a retry useful for just these", () => {
    expect(tags.filter((tag) => errorTable[tag].retryable)).toEqual([
      "QueueFull",
      "SequenceGap",
      "ProducersMax",
      "DedupWindowFull",
      "SessionUnknown",
      "Moved",
      "ShardUnavailable",
      "DiskFull",
      "LimitExceeded",
      "Overloaded",
      "ConnectionFailed",
      "TimedOut",
      "ManagerUnavailable",
    ])
  })
})

describe("SkeinError", () => {
  it("is an Error that names its tag, carries its row of the table, and keeps its cause", () => {
    const cause = new Error("ENOSPC")
    const error = skeinError("DiskFull", "12 bytes are left", { bytesLeft: 12 }, { cause })
    expect(error).toBeInstanceOf(Error)
    expect(isSkeinError(error)).toBe(true)
    expect(isSkeinError({ _tag: "DiskFull" })).toBe(false)
    expect(error).toMatchObject({
      _tag: "DiskFull",
      name: "DiskFull",
      message: "SKEIN_DISK_FULL: 12 bytes are left",
      retryable: true,
      next: errorTable.DiskFull.next,
      data: { bytesLeft: 12 },
      cause,
    })
  })

  it("says the same after its journey as a plain map", () => {
    fc.assert(
      fc.property(anyTag, fc.string(), anyData, (tag, detail, data) => {
        const sent = skeinError(tag, detail, data)
        const encoded = Schema.decodeUnknownSync(SkeinErrorEncoded)(encodeError(sent))
        const received = decodeError(encoded)
        expect(received).toBeInstanceOf(Error)
        for (const field of ["_tag", "code", "retryable", "next", "detail", "message"] as const) {
          expect(received[field]).toBe(sent[field])
        }
        expect(received.data).toEqual(data)
      }),
    )
  })

  it("an unknown tag, one of Object's own names included, becomes InternalError", () => {
    const odd = fc.oneof(fc.string(), fc.constantFrom("constructor", "__proto__", "toString"))
    const unknown = odd.filter((tag) => !tags.some((known) => known === tag))
    fc.assert(
      fc.property(unknown, fc.string(), (tag, detail) => {
        const error = decodeError({ tag, detail, data: { a: 1 } })
        expect(error._tag).toBe("InternalError")
        expect(error.detail).toBe(`${tag}: ${detail}`)
        expect(error.data).toEqual({ a: 1 })
      }),
    )
  })

  it("what is no encoded error is refused", () => {
    const decode = Schema.decodeUnknownEither(SkeinErrorEncoded)
    for (const odd of [null, [], { tag: 1, detail: "", data: {} }, { tag: "X", detail: "" }]) {
      expect(Either.isLeft(decode(odd))).toBe(true)
    }
  })
})
