import { describe, expect, it } from "vitest"
import { skein } from "../grammar/commands.js"
import { parseArguments } from "./parseArguments.js"
import { UsageError } from "./UsageError.js"

const parse = (line: string) => parseArguments(skein, line.split(" "))

const refusal = (argv: readonly string[]): UsageError => {
  try {
    parseArguments(skein, argv)
  } catch (cause) {
    if (cause instanceof UsageError) return cause
    throw cause
  }
  throw new Error("the line was taken")
}

describe("parseArguments", () => {
  it("finds options anywhere, by name, by alias and with =", () => {
    const { path, args, options } = parse("-o json queue peek --from=7 orders -n 3")
    expect(path).toEqual(["queue", "peek"])
    expect(args).toEqual(["orders"])
    expect(Object.fromEntries(options)).toEqual({ output: ["json"], from: [7], count: [3] })
  })

  it("takes a value that is joined to a short option", () => {
    const { options } = parse("queue peek orders -n3 -ojson")
    expect(Object.fromEntries(options)).toEqual({ output: ["json"], count: [3] })
    expect(refusal(["queue", "purge", "orders", "-yes"]).detail).toContain("unknown option -yes.")
  })

  it("takes what follows -- as it is, and a single dash as an argument", () => {
    expect(parse("publish logs -- --lines -x").args).toEqual(["logs", "--lines", "-x"])
    expect(parse("publish logs --file -").text("file")).toBe("-")
  })

  it("passes everything behind bench on unread", () => {
    expect(parse("bench throughput --size 256 --help").args).toEqual([
      "throughput",
      "--size",
      "256",
      "--help",
    ])
  })

  it("collects repeated options and refuses others given twice", () => {
    const { options } = parse("publish q --header a=1 --header b=2 body")
    expect(options.get("header")).toEqual(["a=1", "b=2"])
    expect(refusal(["queue", "list", "--count=1", "-n", "2"]).detail).toBe("-n is given twice.")
  })

  it.each([
    ["queue lits", "unknown command lits of `skein queue`. Did you mean 'list'?"],
    ["qeue list", "unknown command qeue of `skein`. Did you mean 'queue'?"],
    ["queue list --prefx a", "unknown option --prefx. Did you mean '--prefix'?"],
    ["node start --prot 1", "unknown option --prot. Did you mean '--port'?"],
    ["queue list --port 1", "--port is no option of `skein queue list`."],
    ["queue", "`skein queue` needs a command: declare, list, show, purge, delete, peek."],
    ["queue show", "`skein queue show` needs QUEUE."],
    ["queue show a b", "`skein queue show` does not take b."],
    ["node start --port", "--port needs a value."],
    ["node start --port --memory", "--port needs a value."],
    ["node start --port -1", '--port is "-1": it takes a whole number from 0 to 65535.'],
    ["queue declare q --lease 5", '--lease is "5", without a unit: write 30s or 500ms.'],
    ["node start --port=", "--port is empty: it takes a whole number from 0 to 65535."],
    ["node start --memory=maybe", '--memory is "maybe": it takes true or false.'],
  ])("C1: `skein %s` is refused", (line, detail) => {
    expect(refusal(line.split(" ")).detail).toContain(detail)
  })

  it("C1: names all commands when no name is near", () => {
    const error = refusal(["subscribe"])
    expect(error.detail).toBe("unknown command subscribe of `skein`.")
    expect(error.next).toBe(
      "Commands: node, cluster, queue, publish, consume, bench, config, backup, restore, journal.",
    )
  })

  it("C1: an empty name of a queue is refused", () => {
    expect(refusal(["queue", "show", ""]).detail).toBe("QUEUE is empty.")
  })

  it("C1: shows control characters of an unknown word harmlessly, and little of it", () => {
    const { detail } = refusal([`\u001b[2J${"x".repeat(500)}`])
    expect(detail).not.toContain("\u001b")
    expect(detail.length).toBeLessThan(200)
  })

  it.each([["--token"], ["--token=s3cret"], ["--password"], ["--api-key=s3cret"]])(
    "C4: a secret in the arguments is refused and not repeated: %s",
    (word) => {
      const error = refusal(["node", "status", word, "s3cret"])
      expect(error.detail).toContain("is refused: arguments can be read by every process")
      expect(error.next).toContain("--token-file FILE")
      expect(`${error.detail} ${error.next}`).not.toContain("s3cret")
    },
  )
})
