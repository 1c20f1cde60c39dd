import { ManualClock } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { lineBodies, lingerMs } from "./lineBodies.js"

/** A pipe whose writer is the test. */
const setup = () => {
  const clock = new ManualClock()
  const interrupt = new AbortController()
  const stream = new TransformStream<Buffer, Buffer>({}, { highWaterMark: 8 }, { highWaterMark: 8 })
  const writer = stream.writable.getWriter()
  const chunks = stream.readable as unknown as AsyncIterable<Buffer>
  const batches = lineBodies({ chunks }, { signal: interrupt.signal, clock })
  const next = async () => {
    const step = await batches.next()
    return step.done === true ? undefined : step.value.bodies.map(String)
  }
  const write = (text: string) => writer.write(Buffer.from(text))
  /** Resolves when what was written has been read: the linger runs. */
  const lingering = async () => {
    while (clock.timers === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return { clock, interrupt, writer, next, write, lingering }
}

describe("lines of a slow pipe", () => {
  it("go out after a short linger, without the end of the input", async () => {
    const { clock, next, write, lingering, writer } = setup()
    const first = next()
    await write("one\ntwo\nhalf")
    await lingering()
    clock.advance(lingerMs)
    expect(await first).toEqual(["one", "two"])
    const second = next()
    await write(" a line\n")
    await lingering()
    clock.advance(lingerMs)
    expect(await second).toEqual(["half a line"])
    const rest = next()
    await write("not ended")
    await writer.close()
    expect(await rest).toEqual(["not ended"])
    expect(await next()).toBeUndefined()
    expect(clock.timers).toBe(0)
  })

  it("C5: at Ctrl-C what was read is published, but for a line that has not ended", async () => {
    const { clock, interrupt, next, write, lingering } = setup()
    const first = next()
    await write("one\ntwo\nhalf")
    await lingering()
    interrupt.abort()
    expect(await first).toEqual(["one", "two"])
    expect(await next()).toBeUndefined()
    expect(clock.timers).toBe(0)
  })

  it("C5: Ctrl-C ends it while nothing comes", async () => {
    const { interrupt, next } = setup()
    const first = next()
    interrupt.abort()
    expect(await first).toBeUndefined()
  })
})
