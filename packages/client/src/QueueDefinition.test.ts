import { isSkeinError, type SkeinError } from "@skein/model"
import { FastCheck as fc, Schema } from "effect"
import { describe, expect, expectTypeOf, it } from "vitest"
import { Queue, type QueueDefinition } from "./index.js"

const thrown = (run: () => unknown): SkeinError => {
  try {
    run()
  } catch (error) {
    if (isSkeinError(error)) return error
    throw error
  }
  throw new Error("it did not throw")
}

const Order = Schema.Struct({
  id: Schema.Int,
  lines: Schema.Array(Schema.Struct({ sku: Schema.NonEmptyString, at: Schema.Date })),
})
const orders = Queue.define("orders", Order)

describe("Queue", () => {
  it("encodes and decodes by an effect Schema, transformations included", () => {
    expectTypeOf(orders).toEqualTypeOf<QueueDefinition<typeof Order.Type>>()
    const order = { id: 1, lines: [{ sku: "a", at: new Date(86_400_000) }] }
    expect(orders.decode(orders.encode(order))).toEqual(order)
  })

  it("names the path of what does not fit, at the publisher and at the consumer", () => {
    const wrong = { id: 1.5, lines: [{ sku: "", at: new Date(0) }] }
    const error = thrown(() => orders.encode(wrong))
    expect(error._tag).toBe("PayloadInvalid")
    expect(error.detail).toContain("orders")
    expect(error.detail).toMatch(/at id: .*1\.5/)
    const body = Queue.any("orders").encode({ id: 1, lines: [{ sku: "a", at: 7 }] })
    const undecodable = thrown(() => orders.decode(body))
    expect(undecodable._tag).toBe("BodyUndecodable")
    expect(undecodable.detail).toContain("at lines.0.at")
  })

  it("takes a plain codec and a Standard Schema", () => {
    const codec = {
      encode: (value: Date): string => value.toISOString(),
      decode: (data: unknown): Date => new Date(String(data)),
    }
    const dates = Queue.define("dates", codec)
    expect(dates.decode(dates.encode(new Date(5)))).toEqual(new Date(5))
    const standard = Queue.define("n", Schema.standardSchemaV1(Schema.Struct({ n: Schema.Int })))
    expect(standard.decode(standard.encode({ n: 1 }))).toEqual({ n: 1 })
    const error = thrown(() => standard.encode({ n: 0.5 }))
    expect([error._tag, error.detail.includes("at n: ")]).toEqual(["PayloadInvalid", true])
  })

  it("refuses what is no type of a queue, also from programs without types", () => {
    for (const type of [undefined, null, 5, "Order", {}, () => {}]) {
      expect(thrown(() => Queue.define("q", type as never))._tag).toBe("ConfigInvalid")
    }
  })

  it("gives bytes back as they were, of every length class", () => {
    const raw = Queue.bytes("raw")
    for (const length of [0, 1, 255, 256, 65_535, 65_536, 70_000]) {
      const value = new Uint8Array(length).fill(length & 255)
      expect(Buffer.compare(raw.decode(raw.encode(value)), value)).toBe(0)
    }
    expect(thrown(() => raw.decode(Queue.any("raw").encode("text")))._tag).toBe("BodyUndecodable")
    expect(thrown(() => raw.encode("text" as never))._tag).toBe("PayloadInvalid")
  })

  it("refuses what not every consumer could read", () => {
    const any = Queue.any("any")
    for (const value of [new Date(), Symbol("s"), new Map([[1, 2]]), 10n ** 30n]) {
      expect(thrown(() => any.encode(value))._tag).toBe("PayloadInvalid")
    }
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    expect(thrown(() => any.encode(cycle))._tag).toBe("PayloadInvalid")
  })

  it("names the place of what has no form in a message", () => {
    const any = Queue.any("any")
    const detailOf = (value: unknown) => thrown(() => any.encode(value)).detail
    expect(detailOf(undefined)).toBe("queue any: undefined is not plain data")
    expect(detailOf({ a: [1, () => 1] })).toBe("queue any: at a.1: a function is not plain data")
    expect(detailOf({ a: undefined })).toBe("queue any: at a: undefined is not plain data")
    const inner: Record<string, unknown> = {}
    inner.self = [inner]
    expect(detailOf({ inner })).toBe("queue any: at inner.self.0: the value contains itself")
    const same = { x: 1 }
    expect(any.decode(any.encode([same, same, null]))).toEqual([same, same, null])
    const own = Queue.define("own", { encode: (value: object) => value, decode: () => ({}) })
    expect(thrown(() => own.encode(inner)).detail).toContain("contains itself")
  })

  it("says so when a Schema is of another version of effect", () => {
    const foreign = Object.assign(() => {}, { ast: { _tag: "Declaration" } })
    const { _tag, detail } = thrown(() => Queue.define("q", foreign as never))
    expect(_tag).toBe("ConfigInvalid")
    expect(detail).toMatch(/Schema of another version of effect: effect@3\.\d+\.\d+ is needed/)
    expect(thrown(() => Queue.define("q", {} as never)).detail).not.toContain("effect@")
  })

  it("never throws anything but BodyUndecodable on foreign bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const queue of [orders, Queue.any("any"), Queue.bytes("raw")]) {
          try {
            queue.decode(bytes)
          } catch (error) {
            expect(isSkeinError(error) && error._tag).toBe("BodyUndecodable")
          }
        }
      }),
    )
  })

  it("refuses odd names with the reason", () => {
    for (const name of ["", "a b", "../x", "é", "x".repeat(256)]) {
      expect(thrown(() => Queue.bytes(name))._tag).toBe("QueueNameInvalid")
      expect(thrown(() => Queue.define(name, Order))._tag).toBe("QueueNameInvalid")
    }
  })
})
