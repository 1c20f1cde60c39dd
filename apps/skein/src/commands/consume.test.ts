import { Queue } from "@skein/client"
import { describe, expect, it } from "vitest"
import { RunningSkein } from "../testing/RunningSkein.js"

const withMessages = async (...bodies: readonly string[]): Promise<RunningSkein> => {
  const skein = await RunningSkein.open()
  await skein.run(["queue", "declare", "q"])
  if (bodies.length > 0) await skein.run(["publish", "q", ...bodies])
  return skein
}

const counts = async (skein: RunningSkein): Promise<unknown> =>
  ((await skein.json("queue", "show", "q")) as { counts: unknown }).counts

describe("skein consume", () => {
  it("without --ack shows the messages and leaves them in the queue, returned", async () => {
    const skein = await withMessages("one", "two")
    const { code, out, err } = await skein.run(["consume", "q"])
    expect({ code, out }).toEqual({ code: 0, out: "one\ntwo\n" })
    expect(err).toBe("2 messages, left in the queue\n")
    expect(await counts(skein)).toMatchObject({ ready: 2, leased: 0, returned: 2, acked: 0 })
  })

  it("with --ack takes them", async () => {
    const skein = await withMessages("one", "two")
    const { out, err } = await skein.run(["consume", "q", "--ack"])
    expect(out).toBe("one\ntwo\n")
    expect(err).toBe("2 messages, acknowledged\n")
    expect(await counts(skein)).toMatchObject({ total: 0, acked: 2 })
  })

  it("with --count takes exactly so many", async () => {
    const skein = await withMessages("one", "two", "three")
    expect((await skein.run(["consume", "q", "--ack", "--count", "2"])).out).toBe("one\ntwo\n")
    expect(await counts(skein)).toMatchObject({ ready: 1, acked: 2 })
  })

  it("writes JSON lines", async () => {
    const skein = await withMessages("one")
    const { out, err } = await skein.run(["consume", "q", "-o", "json"])
    expect(JSON.parse(out)).toEqual({
      sequence: 1,
      headers: {},
      redelivered: false,
      failed: 0,
      returned: 0,
      body: "one",
    })
    expect(err).toBe("")
  })

  it("shows what could steer a terminal harmlessly there, and as it is to a pipe", async () => {
    const skein = await withMessages("a\u001b]0;x\u0007")
    expect((await skein.run(["consume", "q"], { isTty: true })).out).toBe("a\\u{1b}]0;x\\u{7}\n")
    expect((await skein.run(["consume", "q"])).out).toBe("a\u001b]0;x\u0007\n")
  })

  it("C5: what the reader did not get is not acknowledged", async () => {
    const skein = await withMessages("one", "two")
    const ran = await skein.run(["consume", "q", "--ack"], { writesMax: 0 })
    expect(ran).toMatchObject({ code: 0, out: "" })
    expect(await counts(skein)).toMatchObject({ ready: 2, acked: 0 })
  })

  it("C5: --follow waits for more, and Ctrl-C ends it cleanly with exit 0", async () => {
    const skein = await withMessages("one")
    const interrupt = new AbortController()
    const seen: string[] = []
    const following = skein.run(["consume", "q", "--follow", "--ack"], {
      signal: interrupt.signal,
      onOut: (text) => {
        seen.push(text)
        if (seen.length === 1) skein.run(["publish", "q", "two"]).catch(() => {})
        else interrupt.abort()
      },
    })
    const { code, out, err } = await following
    expect({ code, out }).toEqual({ code: 0, out: "one\ntwo\n" })
    expect(err).toBe("2 messages, acknowledged\n")
    expect(await counts(skein)).toMatchObject({ total: 0, acked: 2 })
  })

  it("--raw writes bytes as they are, which a line shows in base64", async () => {
    const skein = await withMessages()
    const client = await skein.newClient()
    const bytes = Queue.bytes("q")
    await client.queue(bytes).publishMany([Uint8Array.of(0xff, 0), Uint8Array.of(0x0a, 0xfe)])
    await client.close()
    expect((await skein.run(["consume", "q"])).out).toBe('{"base64":"/wA="}\n{"base64":"Cv4="}\n')
    expect((await skein.run(["consume", "q", "--raw"])).out).toBe("\u00ff\0\n\u00fe")
  })

  it.each([
    [["consume", "q", "--raw", "--output", "json"], "--raw writes bytes"],
    [["consume", "q", "--follow"], "--follow needs --ack"],
    [["consume", "q", "--count", "40000"], "--count is at most 32768 without --ack"],
    [["consume", "q", "--count", "0"], '--count is "0"'],
  ] as const)("C1: %j is refused", async (argv, problem) => {
    const skein = await RunningSkein.open()
    const { code, err } = await skein.run(argv)
    expect(code).toBe(2)
    expect(err).toContain(problem)
  })
})
