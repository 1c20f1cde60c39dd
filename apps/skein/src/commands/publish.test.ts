import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { RunningSkein } from "../testing/RunningSkein.js"
import { temporaryDirectory } from "../testing/temporary.js"

const withQueue = async (): Promise<RunningSkein> => {
  const skein = await RunningSkein.open()
  await skein.run(["queue", "declare", "q"])
  return skein
}

const file = (content: Buffer | string): string => {
  const path = join(temporaryDirectory(), "input")
  writeFileSync(path, content)
  return path
}

interface Peeked {
  readonly body: unknown
  readonly key?: string
  readonly headers?: unknown
}

const peeked = async (skein: RunningSkein): Promise<readonly Peeked[]> =>
  (await skein.json("queue", "peek", "q", "--count", "1000")) as readonly Peeked[]

const bodies = async (skein: RunningSkein) => (await peeked(skein)).map(({ body }) => body)

describe("skein publish", () => {
  it("publishes each BODY as a text, or as JSON with --json", async () => {
    const skein = await withQueue()
    const { out } = await skein.run(["publish", "q", "one", '{"a":1}'])
    expect(out).toBe("published 2 messages to q\n")
    await skein.run(["publish", "q", "--json", '{"a":1}', "[1,null]"])
    expect(await bodies(skein)).toEqual(["one", '{"a":1}', { a: 1 }, [1, null]])
  })

  it("stores a repeat of a --dedup-id once", async () => {
    const skein = await withQueue()
    const argv = ["publish", "q", "--dedup-id", "order-1"]
    expect((await skein.run([...argv, "one"])).out).toBe("published 1 message to q\n")
    const again = await skein.run([...argv, "one"])
    expect(again.out).toBe("published 1 message to q (it was there before)\n")
    const json = await skein.json(...argv, "--file", file("one"))
    expect(json).toMatchObject({ published: 1, duplicates: 1 })
    expect(await bodies(skein)).toEqual(["one"])
    for (const several of [
      ["a", "b"],
      ["--lines", "--file", file("a")],
    ]) {
      const { code, err } = await skein.run([...argv, ...several])
      expect([code, err]).toEqual([2, expect.stringContaining("--dedup-id is for one message")])
    }
  })

  it("publishes a file as one message, or line by line", async () => {
    const skein = await withQueue()
    const path = file("first\r\n\nthird, not ended")
    await skein.run(["publish", "q", "--file", path])
    expect(await skein.json("publish", "q", "--file", path, "--lines")).toMatchObject({
      queue: "q",
      published: 3,
    })
    expect(await bodies(skein)).toEqual([
      "first\r\n\nthird, not ended",
      "first",
      "",
      "third, not ended",
    ])
  })

  it("keeps the order of more lines than a batch holds, and lines over chunk borders", async () => {
    const skein = await withQueue()
    const lines = Array.from({ length: 5_000 }, (_, at) => `${at} ${"x".repeat(at % 200)}`)
    await skein.run(["publish", "q", "--file", file(`${lines.join("\n")}\n`), "--lines"])
    const { out } = await skein.run(["consume", "q", "--ack"])
    expect(out.split("\n").slice(0, -1)).toEqual(lines)
  })

  it("keeps bytes that are no UTF-8", async () => {
    const skein = await withQueue()
    await skein.run(["publish", "q", "--file", file(Buffer.from([0xff, 0xfe, 0x0a])), "--lines"])
    expect(await bodies(skein)).toEqual([{ base64: "//4=" }])
  })

  it("takes keys by a regular expression, and headers", async () => {
    const skein = await withQueue()
    const path = file("sshd[12]: a\nsshd[7]: b\nkernel: c\n")
    const regexp = ["--key-regexp", String.raw`sshd\[(\d+)\]`]
    const ran = await skein.run([
      ...["publish", "q", "--file", path, "--lines", ...regexp],
      ...["--header", "host=a=b", "--header", "kind=log"],
    ])
    expect(ran.out).toBe("published 3 messages to q (1 without a key)\n")
    const rows = await peeked(skein)
    expect(rows.map(({ key }) => key)).toEqual(["12", "7", undefined])
    expect(rows[0]?.headers).toEqual({ host: "a=b", kind: "log" })
  })

  it("C1: an expression that backtracks without end is stopped, naming the message", async () => {
    const skein = await withQueue()
    const path = file(`fine\n${"a".repeat(60)}!\n`)
    const ran = await skein.run([
      "publish",
      "q",
      "--file",
      path,
      "--lines",
      "--key-regexp",
      "(a+)+$",
    ])
    expect(ran.code).toBe(2)
    expect(ran.err).toContain("--key-regexp ran longer than 1000 ms at message 2")
    expect(await bodies(skein)).toEqual([])
  })

  it.each([
    [["publish", "q", "--key-regexp", "(", "x"], "--key-regexp is no regular expression"],
    [["publish", "q", "--header", "x", "body"], '--header is "x": it takes NAME=VALUE'],
    [["publish", "q", "--header", "a=1", "--header", "a=2", "b"], "--header a is given twice"],
    [["publish", "q", "--json", "{"], "message 1 is not JSON"],
    [["publish", "q", "body", "--file", "f"], "give either BODY or --file"],
    [["publish", "q", "--file", "/none/such"], "--file /none/such does not exist"],
  ] as const)("C1: %j is refused", async (argv, problem) => {
    const { code, err } = await (await withQueue()).run(argv)
    expect(code).toBe(2)
    expect(err).toContain(problem)
  })

  it("C5: without a body, a file or a pipe it does not wait at a terminal", async () => {
    const { code, err } = await (await withQueue()).run(["publish", "q"], { isTty: true })
    expect(code).toBe(2)
    expect(err).toContain("there is nothing to publish")
  })

  it("C3: a directory and an endless line are refused", async () => {
    const skein = await withQueue()
    const dir = join(temporaryDirectory(), "d")
    mkdirSync(dir)
    expect((await skein.run(["publish", "q", "--file", dir])).err).toContain("is a directory")
    const endless = await skein.run(["publish", "q", "--file", "/dev/zero", "--lines"])
    expect(endless.code).toBe(2)
    expect(endless.err).toContain("line 1 has more than 8388608 bytes")
  })

  it("says what was confirmed when a later message fails", async () => {
    const skein = await RunningSkein.open()
    await skein.run(["queue", "declare", "q", "--body-bytes-max", "100B"])
    const lines = [...Array.from({ length: 2_000 }, () => "short"), "x".repeat(200)]
    const ran = await skein.run(["publish", "q", "--file", file(lines.join("\n")), "--lines"])
    expect(ran.code).toBe(1)
    expect(ran.err).toContain("SKEIN_BODY_TOO_LARGE")
    const counts = (await skein.json("queue", "show", "q")) as { counts: { published: number } }
    expect(ran.err).toMatch(/^published [\d,]+ messages to q/)
    const said = Number(/^published ([\d,]+)/.exec(ran.err)?.[1]?.replace(",", ""))
    expect(said).toBe(counts.counts.published)
    expect(ran.err).not.toContain("may be stored")
  })

  it("says of how many it cannot tell whether they are stored", async () => {
    const skein = await RunningSkein.open()
    await skein.run(["queue", "declare", "q", "--messages-max", "1500"])
    const lines = file("line\n".repeat(3_000))
    const argv = ["publish", "q", "--file", lines, "--lines", "--timeout", "300ms"]
    const { code, err } = await skein.run(argv)
    expect(code).not.toBe(0)
    const [, said, unsure] =
      /^published ([\d,]+) .*; of the next ([\d,]+) some may be/.exec(err) ?? []
    const { counts } = (await skein.json("queue", "show", "q")) as {
      readonly counts: { readonly published: number }
    }
    const [low, rest] = [said, unsure].map((text) => Number(text?.replace(",", "")))
    expect(counts.published).toBeGreaterThanOrEqual(low)
    expect(counts.published).toBeLessThanOrEqual(low + rest)
    expect(low + rest).toBe(3_000)
  })
})
