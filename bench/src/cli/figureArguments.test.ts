import { describe, expect, it } from "vitest"
import { figures } from "../figures/registry.js"
import { parseFigureArguments } from "./figureArguments.js"

const choose = (line: string) => parseFigureArguments(line.split(" ").filter(Boolean), figures)

const chosen = (line: string) => {
  const choice = choose(line)
  if (typeof choice === "string") throw new Error(choice)
  return choice
}

describe("parseFigureArguments", () => {
  it("takes the node's ten figures by default", () => {
    const ids = chosen("").figures.map(({ id }) => id)
    expect(ids).toEqual(Array.from({ length: 10 }, (_, index) => `NF${index + 1}`))
    expect(chosen("--group node").quick).toBe(false)
  })

  it("takes those that are named, in any case, from their own group", () => {
    expect(chosen("--only nf4,NF7 --quick").figures.map(({ id }) => id)).toEqual(["NF4", "NF7"])
    expect(chosen("--only BARE").group).toBe("yardstick")
    expect(chosen("--json out.json").json).toBe("out.json")
    expect(chosen("--json").json).toBe("-")
  })

  it("refuses what it does not know instead of measuring nothing", () => {
    expect(() => choose("--only NF99")).toThrow('no figure "NF99" in group node')
    expect(() => choose("--group nod")).toThrow("Did you mean node?")
    expect(() => choose("--onyl NF1")).toThrow("Did you mean --only?")
    expect(() => choose("NF1")).toThrow('unexpected "NF1"')
    expect(() => choose("--only")).toThrow("--only needs a value")
  })

  it("lists every figure in its help", () => {
    for (const { id } of figures) expect(choose("--help")).toContain(id)
  })
})
