import { describe, expect, it } from "vitest"
import { RunningSkein } from "../testing/RunningSkein.js"

describe("skein queue", () => {
  it("declares with settings, repeats, and refuses others", async () => {
    const skein = await RunningSkein.open()
    const settings = ["--lease", "1m", "--messages-max", "100", "--body-bytes-max", "2KiB"]
    const declared = await skein.json("queue", "declare", "orders", ...settings)
    expect(declared).toMatchObject({
      name: "orders",
      policy: { leaseMs: 60_000, messagesMax: 100, bodyBytesMax: 2_048, dedupWindowMs: 600_000 },
    })
    expect(await skein.json("queue", "declare", "orders", ...settings)).toEqual(declared)
    const other = await skein.run(["queue", "declare", "orders"])
    expect(other.code).toBe(1)
    expect(other.err).toContain("SKEIN_POLICY_MISMATCH")
  })

  it("lists by name, by prefix and at most so many", async () => {
    const skein = await RunningSkein.open()
    expect((await skein.run(["queue", "list"])).err).toBe("no queues\n")
    for (const name of ["b", "a2", "a1"]) await skein.run(["queue", "declare", name])
    const names = async (...more: string[]) => {
      const rows = (await skein.json("queue", "list", ...more)) as { name: string }[]
      return rows.map(({ name }) => name)
    }
    expect(await names()).toEqual(["a1", "a2", "b"])
    expect(await names("--prefix", "a")).toEqual(["a1", "a2"])
    expect(await names("--count", "2")).toEqual(["a1", "a2"])
    expect((await skein.run(["queue", "list"])).out).toMatchInlineSnapshot(`
      "QUEUE  SHARD  GENERATION  LEASE  MESSAGES MAX
      a1     s000            3    30s    50,000,000
      a2     s000            2    30s    50,000,000
      b      s000            1    30s    50,000,000
      "
    `)
  })

  it("peeks without taking", async () => {
    const skein = await RunningSkein.open()
    await skein.run(["queue", "declare", "q"])
    await skein.run(["publish", "q", "one", "two\u001b[2J", "--header", "from=test"])
    const { out } = await skein.run(["queue", "peek", "q"])
    expect(out).toMatchInlineSnapshot(`
      "SEQUENCE  KEY  REDELIVERED  FAILED  BODY
             1                            one
             2                            two\\u{1b}[2J
      "
    `)
    expect(await skein.json("queue", "peek", "q", "--from", "2")).toEqual([
      {
        sequence: 2,
        headers: { from: "test" },
        redelivered: false,
        failed: 0,
        returned: 0,
        body: "two\u001b[2J",
      },
    ])
    expect(await skein.json("queue", "show", "q")).toMatchObject({ counts: { ready: 2 } })
  })

  describe.each(["purge", "delete"])("%s", (verb) => {
    const withMessages = async (): Promise<RunningSkein> => {
      const skein = await RunningSkein.open()
      await skein.run(["queue", "declare", "q"])
      await skein.run(["publish", "q", "one", "two"])
      return skein
    }
    const total = async (skein: RunningSkein): Promise<unknown> =>
      ((await skein.json("queue", "show", "q")) as { counts: { total: number } }).counts.total

    it("C10: asks on a terminal, naming the exact target, and takes only yes", async () => {
      const skein = await withMessages()
      for (const answer of ["", "n", "y", "yes please"]) {
        const ran = await skein.run(["queue", verb, "q"], { isTty: true, answer })
        expect(ran.code).toBe(1)
        expect(ran.err).toContain(`${verb} queue q (2 `)
        expect(ran.err).toContain("messages) at 127.0.0.1:4117? Type yes to go on: ")
      }
      expect(await total(skein)).toBe(2)
      expect((await skein.run(["queue", verb, "q"], { isTty: true, answer: "yes" })).code).toBe(0)
    })

    it("C10: refuses without a terminal unless --yes is said, and echoes the target", async () => {
      const skein = await withMessages()
      const refused = await skein.run(["queue", verb, "q"])
      expect(refused.code).toBe(2)
      expect(refused.err).toContain("next: Say --yes if you mean it.")
      expect(await total(skein)).toBe(2)
      const done = await skein.run(["queue", verb, "q", "--yes", "--address", "127.0.0.1:9"])
      expect(done.code).toBe(0)
      expect(done.err).toMatch(new RegExp(`^${verb} queue q \\(2 .*\\) at 127.0.0.1:9\n$`))
    })

    it("C10: a queue that is not there exits 4 before anything is asked", async () => {
      const skein = await RunningSkein.open()
      const { code, err } = await skein.run(["queue", verb, "q"], { isTty: true })
      expect(code).toBe(4)
      expect(err).not.toContain("Type yes")
    })
  })
})
