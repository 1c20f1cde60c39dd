import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Outbox } from "./Outbox.js"

describe("outbox", () => {
  it("gives all bytes in order, once", () => {
    const size = fc.oneof(fc.nat(100), fc.nat(20_000), fc.nat(90_000))
    fc.assert(
      fc.property(fc.array(size, { maxLength: 30 }), (sizes) => {
        const outbox = new Outbox()
        const parts = sizes.map((length, i) => new Uint8Array(length).fill(i))
        for (const part of parts) outbox.push([part])
        expect(outbox.bytes).toBe(sizes.reduce((sum, length) => sum + length, 0))
        expect(Buffer.compare(Buffer.concat(outbox.take()), Buffer.concat(parts))).toBe(0)
        expect(outbox.bytes).toBe(0)
        expect(outbox.take()).toEqual([])
      }),
      { numRuns: 50 },
    )
  })

  it("gathers what is small and hands on what is large without a copy", () => {
    const outbox = new Outbox()
    const large = new Uint8Array(100_000)
    for (let i = 0; i < 100; i++) outbox.push([new Uint8Array(50)])
    outbox.push([new Uint8Array(46), large])
    for (let i = 0; i < 100; i++) outbox.push([new Uint8Array(50)])
    const buffers = outbox.take()
    expect(buffers.map((buffer) => buffer.length)).toEqual([5046, 100_000, 5000])
    expect(buffers[1]).toBe(large)
  })

  it("bounds the gathered buffers", () => {
    const outbox = new Outbox()
    for (let i = 0; i < 100; i++) outbox.push([new Uint8Array(10_000)])
    for (const buffer of outbox.take()) expect(buffer.length).toBeLessThanOrEqual(64 * 1024)
  })
})
