import { describe, expect, it } from "vitest"
import { clusterScenarioNames } from "../cluster/ClusterScenario.js"
import { clusterFlags } from "../cluster/ClusterSettings.js"
import { parseCommand } from "./arguments.js"
import { isClusterLine, parseClusterCommand } from "./clusterArguments.js"
import { clusterHelpText } from "./clusterHelp.js"
import { helpText } from "./help.js"
import { UsageError } from "./UsageError.js"

const parse = (line: string) => parseClusterCommand(line.split(" "), "/data")

const parsed = (line: string) => {
  const command = parse(line)
  if (command === "help") throw new Error("help")
  return command
}

const refusal = (parseLine: () => unknown): string => {
  try {
    parseLine()
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  return "accepted"
}

describe("parseClusterCommand", () => {
  it("fills in defaults, which differ by scenario", () => {
    expect(parsed("move").settings).toMatchObject({ nodes: 3, every: 2, messages: 1_000_000 })
    expect(parsed("scale").settings).toMatchObject({ nodes: 8, rate: 0, dir: "/data" })
    expect(parsed("zipf").settings).toMatchObject({ queues: 200, exponent: 1 })
  })

  it("reads durations, counts and files", () => {
    const command = parsed("move --every 500ms --quiet 1m --moves=7 --json a --chart b --dir /d")
    expect(command.settings).toMatchObject({ every: 0.5, quiet: 60, moves: 7, dir: "/d" })
    expect(command).toMatchObject({ scenario: "move", json: "a", chart: "b" })
    expect(parsed("move --every 2").settings.every).toBe(2)
    expect(parsed("hot-queue --probe-rate 50").settings.probeRate).toBe(50)
  })

  it("refuses what it would ignore or misread", () => {
    const of = (line: string): string => refusal(() => parse(line))
    expect(of("move --every 2h")).toBe(
      '--every is a duration such as 2s or 500ms, from 0.05s to 600s, not "2h"',
    )
    expect(of("move --moves 1.5")).toContain("whole number")
    expect(of("move --moves")).toBe("--moves needs a value")
    expect(of("move --mvoes 3")).toBe("move has no flag --mvoes. Did you mean --moves?")
    expect(of("scale --moves 3")).toContain("scale has no flag --moves")
    expect(of("move now")).toBe('unexpected "now"')
    expect(of("hot-queue --hot 1")).toContain("0.01 to 0.99")
  })

  it("is chosen by the first word, and the other scenarios say so", () => {
    expect(isClusterLine(["move", "--moves", "3"])).toBe(true)
    expect(isClusterLine(["throughput"])).toBe(false)
    const of = (line: string): string => refusal(() => parseCommand(line.split(" "), "/data"))
    expect(of("--json f move")).toBe("name the scenario first: move [flags]")
    expect(of("failovr")).toContain("Did you mean failover?")
  })
})

describe("the help", () => {
  it("names every scenario, and of each its flags", () => {
    for (const name of clusterScenarioNames) {
      expect(helpText()).toContain(`  ${name}`)
      expect(parse(`${name} --help`)).toBe("help")
      expect(clusterHelpText(name)).toContain(`--${clusterFlags.seed.flag}`)
    }
    expect(clusterHelpText("move")).toContain("(default 2s)")
  })
})
