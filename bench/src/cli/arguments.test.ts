import { describe, expect, it } from "vitest"
import { parseCommand } from "./arguments.js"
import { helpText } from "./help.js"
import { nearest } from "./nearest.js"
import { UsageError } from "./UsageError.js"

const parse = (line: string) => parseCommand(line.split(" ").filter(Boolean), "/data")

const parsed = (line: string) => {
  const command = parse(line)
  if (command === "help") throw new Error("help")
  return command
}

const refusal = (line: string): string => {
  try {
    parse(line)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  return "accepted"
}

describe("parseCommand", () => {
  it("fills in defaults, which differ by scenario", () => {
    const { settings, systems } = parsed("throughput")
    expect(settings).toMatchObject({ size: 256, batch: 100, window: 5000, windows: 5 })
    expect(settings).toMatchObject({ await: false, dir: "/data" })
    expect(systems).toEqual(["skein", "bare-loop"])
    expect(parsed("latency").settings).toMatchObject({ batch: 1, rate: 2000 })
    expect(parsed("queues").settings.queues).toBe(10_000)
  })

  it("reads flags of every kind", () => {
    const command = parsed(
      "throughput --size 1024 --seconds=0.5 --await --peers redis-streams,nats --json a --chart b",
    )
    expect(command.settings).toMatchObject({ size: 1024, seconds: 0.5, await: true })
    expect(command.systems).toEqual(["skein", "bare-loop", "redis-streams", "nats"])
    expect(command).toMatchObject({ json: "a", chart: "b" })
    expect(parsed("idle --systems nats").systems).toEqual(["nats"])
    expect(parsed("idle --peers all").systems).toHaveLength(6)
  })

  it("names the nearest for what it does not know", () => {
    expect(refusal("thruput")).toBe('unknown scenario "thruput". Did you mean throughput?')
    expect(refusal("throughput --btach 3")).toBe("unknown flag --btach. Did you mean --batch?")
    expect(refusal("throughput --peers rabitmq")).toContain("Did you mean rabbitmq?")
    expect(refusal("throughput --zzzzzzzzzz")).toBe("unknown flag --zzzzzzzzzz.")
  })

  it("refuses bad values, missing values and flags that would be ignored", () => {
    expect(refusal("throughput --size 1e9")).toContain("whole number from 16 to 1048576")
    expect(refusal("throughput --size 3.5")).toContain("whole number")
    expect(refusal("throughput --size x")).toContain('not "x"')
    expect(refusal("throughput --size")).toBe("--size needs a value")
    expect(refusal("throughput --await=yes")).toBe("--await takes no value")
    expect(refusal("throughput --rate 5")).toContain("throughput does not use --rate")
    expect(refusal("throughput extra")).toBe('unexpected "extra" after throughput')
    expect(refusal("")).toContain("name a scenario")
    expect(refusal("idle --systems nats --peers all")).toContain("not both")
  })

  it("asks for help before anything else", () => {
    expect(parse("--help")).toBe("help")
    for (const word of ["throughput", "--lag", "--peers", "Exit codes"]) {
      expect(helpText()).toContain(word)
    }
  })
})

describe("nearest", () => {
  it("stays silent when nothing is near", () => {
    expect(nearest("latencie", ["latency", "idle"])).toBe("latency")
    expect(nearest("zzz", ["latency", "idle"])).toBeUndefined()
  })
})
