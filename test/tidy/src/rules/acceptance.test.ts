import { describe, expect, it } from "vitest"
import { check } from "../fixture.js"
import { acceptance } from "./acceptance.js"

const head = "| id | bullet | file › test name |\n|---|---|---|\n"
const test = 'describe("frames", () => {\n  it("refuses a lying length", () => {})\n})\n'
const rows = (...lines: ReadonlyArray<string>) => ({
  "packages/wire/src/Frame.test.ts": test,
  "test/ACCEPTANCE.md": `# Acceptance\n\n${head}${lines.join("\n")}\n`,
})

describe("acceptance", () => {
  it("rows that name existing tests are fine", () => {
    const row =
      "| N2 | 2^32 \\| 0 | packages/wire/src/Frame.test.ts › refuses a lying length<br>" +
      "`packages/wire/src/Frame.test.ts › frames › refuses a lying length` |"
    expect(check(acceptance, rows(row))).toEqual([])
  })

  it("a missing file, a missing test and no test at all are named", () => {
    const lines = check(
      acceptance,
      rows(
        "| N1 | a | packages/wire/src/Gone.test.ts › x |",
        "| N2 | b | packages/wire/src/Frame.test.ts › frames › accepts a lie |",
        "| N3 | c | packages/wire/src/Frame.test.ts |",
      ),
    )
    expect(lines).toEqual([
      "test/ACCEPTANCE.md:5: N1: packages/wire/src/Gone.test.ts does not exist",
      'test/ACCEPTANCE.md:6: N2: packages/wire/src/Frame.test.ts has no test "accepts a lie"',
      'test/ACCEPTANCE.md:7: N3: "packages/wire/src/Frame.test.ts" is not "file › test name"',
    ])
  })

  it("an id stands once, and an empty table is no table", () => {
    const row = "| N1 | a | packages/wire/src/Frame.test.ts › frames |"
    expect(check(acceptance, rows(row, row))).toEqual([
      "test/ACCEPTANCE.md:6: N1 is also in line 5",
    ])
    expect(check(acceptance, rows())).toEqual(["test/ACCEPTANCE.md: has no row"])
    expect(check(acceptance, {})).toEqual(["test/ACCEPTANCE.md: is missing"])
  })
})
