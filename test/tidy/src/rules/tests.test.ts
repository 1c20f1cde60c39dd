import { describe, expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { allRun, noSleepsBut } from "./tests.js"

const test = (text: string) => workspace("packages/queue", { files: { "src/a.test.ts": text } })

describe("tests run", () => {
  it("switched off, alone, promised or bound to a condition: each is named", () => {
    const text = [
      'it.skip("a", () => {})',
      'describe.only("b", () => {})',
      'it.todo("c")',
      'it.effect.skip("d", () => {})',
      'it.skipIf(true)("e", () => {})',
      'it("f", (ctx) => ctx.skip())',
      'it("g", (ctx) => ctx.skip("no PostgreSQL here"))',
    ].join("\n")
    expect(check(allRun, test(text)).map((line) => line.split(": ")[1])).toEqual([
      "it.skip",
      "describe.only",
      "it.todo",
      "it.effect.skip",
      "it.skipIf",
      "ctx.skip",
    ])
  })
})

describe("tests do not sleep", () => {
  const rule = noSleepsBut({})

  it("a wait for time is named in each of its forms", () => {
    const text = [
      "await new Promise((resolve) => setTimeout(resolve, 50))",
      "await new Promise((done) => setTimeout(() => done(1), 50))",
      'import { setTimeout as sleep } from "node:timers/promises"',
      "yield* Effect.sleep(50)",
    ].join("\n")
    const lines = check(rule, test(text))
    expect(lines.map((line) => line.split(":")[1])).toEqual(["1", "2", "3", "4"])
  })

  it("a deadline is no sleep, nor is a moment of a test clock", () => {
    const deadline = "new Promise((resolve, reject) => setTimeout(() => reject(late), 50))\n"
    expect(check(rule, test(deadline))).toEqual([])
    const virtual = "yield* Effect.sleep(50)\nyield* TestClock.adjust(50)\n"
    expect(check(rule, test(virtual))).toEqual([])
  })

  it("an exception holds while it is needed", () => {
    const path = "packages/queue/src/a.test.ts"
    const known = noSleepsBut({ [path]: "a real process must be silent for 600 ms" })
    expect(check(known, test("await new Promise((go) => setTimeout(go, 600))"))).toEqual([])
    expect(check(known, test("run()"))).toEqual([`${path}: sleeps no longer: drop its entry`])
  })
})
