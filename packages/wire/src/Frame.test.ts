import { limits, SkeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import type { FrameMessage, FrameView } from "./Frame.js"
import { encodeFrame, FrameWriter, messageProblem } from "./FrameWriter.js"
import { readMessages } from "./ReadMessages.js"
import { isSelected, sliceFrame } from "./SliceFrame.js"
import { trustedFrame, viewFrame } from "./ViewFrame.js"

const bytes = (...values: number[]) => Uint8Array.from(values)
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))

const nonZero = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .filter((dedup) => dedup.some((byte) => byte !== 0))
const message: fc.Arbitrary<FrameMessage> = fc.record(
  {
    body: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    key: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    headers: fc.uint8Array({ minLength: 1, maxLength: 60 }),
    dedup: nonZero,
  },
  { requiredKeys: ["body"] },
)
const messages = fc.array(message, { minLength: 1, maxLength: 40 })

const viewed = (frame: Uint8Array): FrameView => {
  const view = viewFrame(frame)
  if (view instanceof SkeinError) throw view
  return view
}
const problemOf = (frame: Uint8Array): SkeinError => {
  const view = viewFrame(frame)
  if (view instanceof SkeinError) return view
  throw new Error("the frame was taken")
}
/** As if it had arrived inside something larger, so that offsets count. */
const embedded = (frame: Uint8Array): Uint8Array => {
  const larger = new Uint8Array(frame.length + 12)
  larger.set(frame, 5)
  return larger.subarray(5, 5 + frame.length)
}

describe("frame", () => {
  it("golden: two bodies and nothing else", () => {
    const frame = encodeFrame([{ body: bytes(0xa1, 0x61) }, { body: bytes(0x07) }])
    expect(Buffer.from(frame).toString("hex")).toBe(
      "0100020008000000" + "0300000000000000" + "0200000001000000" + "a16107",
    )
  })

  it("golden: all columns, absent in one message", () => {
    const dedup = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
    const frame = encodeFrame([
      { body: bytes(0x01), key: bytes(0x6b), dedup },
      { body: bytes(0x02), headers: bytes(0x80) },
    ])
    const wanted = hex(
      "01 07 0200 32000000 02000000 00000000" + // 50 bytes of columns
        "01000000 01000000" +
        "0102030405060708090a0b0c0d0e0f10" +
        "00000000000000000000000000000000" +
        "0100 0000 6b" +
        "0000 0100 80" +
        "01 02",
    )
    expect(frame).toEqual(wanted)
  })

  it("reads back what was written", () => {
    fc.assert(
      fc.property(messages, (all) => {
        const frame = encodeFrame(all)
        const view = viewed(embedded(frame))
        expect(readMessages(view)).toEqual(all)
        expect(view.bodyBytesLargest).toBe(Math.max(...all.map(({ body }) => body.length)))
      }),
    )
  })

  it("a slice is the frame of just those messages", () => {
    fc.assert(
      fc.property(
        messages,
        fc.nat(),
        fc.nat(),
        fc.infiniteStream(fc.boolean()),
        (all, a, b, pick) => {
          const frame = viewed(embedded(encodeFrame(all)))
          const [first, last] = [a % all.length, b % all.length].sort((x, y) => x - y) as [
            number,
            number,
          ]
          const span = last - first + 1
          const selection = new Uint8Array(Math.ceil(span / 8))
          for (let i = 0; i < span; i++) {
            if (pick.next().value === true) selection[i >> 3] |= 1 << (i & 7)
          }
          if (selection.every((byte) => byte === 0)) selection[0] = 1
          const range = all.slice(first, last + 1)
          expect(readMessages(viewed(sliceFrame(frame, first, last)))).toEqual(range)
          expect(readMessages(viewed(sliceFrame(frame, first, last, selection)))).toEqual(
            range.filter((_, i) => isSelected(selection, i)),
          )
        },
      ),
    )
  })

  it("the whole frame is the same bytes, not a copy", () => {
    const frame = viewed(encodeFrame([{ body: bytes(1) }, { body: bytes(2) }]))
    expect(sliceFrame(frame, 0, 1)).toBe(frame.bytes)
    expect(sliceFrame(frame, 0, 1, bytes(0b11))).toBe(frame.bytes)
    expect(sliceFrame(frame, 0, 0)).not.toBe(frame.bytes)
  })

  it("a writer is full at its aim or its count, and then empty again", () => {
    const body = new Uint8Array(100).fill(1)
    const byBytes = new FrameWriter(1000)
    let count = 0
    while (byBytes.append({ body })) count++
    const frame = byBytes.finish()
    expect(frame.length).toBeLessThanOrEqual(1000)
    expect(count).toBeGreaterThanOrEqual(7)
    expect(viewed(frame).count).toBe(count)
    expect(byBytes.count).toBe(0)
    expect(byBytes.append({ body: new Uint8Array(5000).fill(1) })).toBe(true)
    expect(viewed(byBytes.finish()).bodyBytesLargest).toBe(5000)

    const byCount = new FrameWriter(Number.POSITIVE_INFINITY)
    const one = { body: bytes(1), key: bytes(2) }
    for (let i = 0; i < limits.frameMessagesMax; i++) expect(byCount.append(one)).toBe(true)
    expect(byCount.append(one)).toBe(false)
    expect(byCount.bytes).toBe(byCount.finish().length)
  })

  it("columns of one frame do not leak into the next", () => {
    const writer = new FrameWriter()
    writer.append({ body: bytes(1), key: bytes(9), headers: bytes(0x80) })
    writer.finish()
    writer.append({ body: bytes(2) })
    expect(readMessages(viewed(writer.finish()))).toEqual([{ body: bytes(2) }])
  })

  it("says why a message can be in no frame", () => {
    const tag = (given: FrameMessage) => messageProblem(given)?._tag
    expect(tag({ body: bytes(1) })).toBeUndefined()
    expect(tag({ body: bytes() })).toBe("FrameInvalid")
    expect(tag({ body: new Uint8Array(limits.bodyBytesMax + 1) })).toBe("BodyTooLarge")
    expect(tag({ body: bytes(1), key: new Uint8Array(limits.keyBytesMax + 1) })).toBe(
      "LimitExceeded",
    )
    const headers = new Uint8Array(limits.headersBytesMax + 1)
    expect(tag({ body: bytes(1), headers })).toBe("LimitExceeded")
    expect(tag({ body: bytes(1), dedup: bytes(1) })).toBe("FrameInvalid")
  })
})

describe("a frame that lies", () => {
  const good = encodeFrame([{ body: bytes(1, 2), key: bytes(3) }, { body: bytes(4) }])
  const patched = (at: number, ...values: number[]) => {
    const copy = good.slice()
    copy.set(values, at)
    return problemOf(copy)
  }

  it.each([
    ["version", 0, [2]],
    ["unknown flag", 1, [0x42]],
    ["priority, which does not exist yet", 1, [2 | 8]],
    ["due, which does not exist yet", 1, [2 | 16]],
    ["ttl, which does not exist yet", 1, [2 | 32]],
    ["count 0", 2, [0, 0]],
    ["count 4097", 2, [0x01, 0x10]],
    ["more columns than bytes", 4, [0xff, 0xff, 0xff, 0xff]],
    ["more bodies than bytes", 8, [0xff, 0xff, 0xff, 0x7f]],
    ["reserved", 12, [1]],
    ["a body that is longer than all", 16, [0xff]],
    ["a body of 0 bytes", 16, [0, 0, 0, 0]],
    ["a key that is longer than the columns", 24, [0xff, 0x03]],
  ])("FrameInvalid: %s", (_, at, values) => {
    expect(patched(at, ...values)._tag).toBe("FrameInvalid")
  })

  it("refuses a key over its limit, a body over its limit, a frame over its limit", () => {
    expect(patched(24, 0xff, 0xff)._tag).toBe("LimitExceeded")
    const body = new Uint8Array(limits.bodyBytesMax + 1)
    expect(problemOf(encodeFrame([{ body }]))._tag).toBe("BodyTooLarge")
    const frame = new Uint8Array(limits.frameBytesMax + 1)
    expect(problemOf(frame)).toMatchObject({
      _tag: "LimitExceeded",
      data: { limit: "frameBytesMax" },
    })
  })

  it("refuses every shorter and every longer form", () => {
    for (let length = 0; length < good.length; length++) {
      expect(problemOf(good.subarray(0, length))._tag).toBe("FrameInvalid")
    }
    expect(problemOf(Uint8Array.from([...good, 0]))._tag).toBe("FrameInvalid")
  })

  it("changed at random, it is refused, or every message lies within it", () => {
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (all, changes) => {
          const frame = encodeFrame(all)
          for (const [at, value] of changes) frame[at % Math.min(frame.length, 200)] = value
          const view = viewFrame(frame)
          if (view instanceof SkeinError) return
          const read = readMessages(view)
          expect(read.length).toBe(view.count)
          expect(readMessages(viewed(encodeFrame(read)))).toEqual(read)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it("trusted frames that are none are a fault, not an error", () => {
    expect(() => trustedFrame(bytes(1, 2, 3))).toThrow("3 bytes are no frame")
  })
})
