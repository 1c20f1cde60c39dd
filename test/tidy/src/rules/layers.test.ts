import { describe, expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { layers } from "./layers.js"

const importing = (name: string) => `import { x } from "${name}"\nexport const y = x\n`

describe("layers", () => {
  it("a lower layer may be imported", () => {
    const files = {
      ...workspace("packages/model"),
      ...workspace("packages/queue", { files: { "src/a.ts": importing("@skein/model") } }),
    }
    expect(check(layers, files)).toEqual([])
  })

  it("a higher layer is named with the line that imports it", () => {
    const files = {
      ...workspace("packages/node"),
      ...workspace("packages/queue", {
        dependencies: { "@skein/node": "0.1.0" },
        files: { "src/a.ts": `// why\n${importing("@skein/node")}` },
      }),
    }
    const refusal = "layer 2 imports @skein/node of layer 5: only lower layers may be"
    expect(check(layers, files)).toEqual([
      `packages/queue/package.json: ${refusal}`,
      `packages/queue/src/a.ts:2: ${refusal}`,
    ])
  })

  it("a neighbour in the same layer is refused, as type, dynamic and repeated export too", () => {
    const text = [
      'import type { A } from "@skein/queue"',
      'export const b = () => import("@skein/queue")',
      'export * from "@skein/queue"',
      'export type C = A | import("@skein/queue").C',
    ].join("\n")
    const files = {
      ...workspace("packages/queue"),
      ...workspace("packages/wire", { files: { "src/a.ts": text } }),
    }
    const lines = check(layers, files)
    expect(lines.map((line) => line.split(":")[1])).toEqual(["1", "2", "3", "4"])
  })

  it("drivers are for those who wire a node", () => {
    const driver = workspace("packages/journal-file")
    const use = { files: { "src/a.ts": importing("@skein/journal-file") } }
    expect(check(layers, { ...driver, ...workspace("packages/node", use) })).toEqual([
      "packages/node/src/a.ts:1: imports the driver @skein/journal-file: only apps/skein, " +
        "packages/embedded, test and bench may",
    ])
    for (const folder of ["apps/skein", "packages/embedded", "test/process", "bench"]) {
      expect(check(layers, { ...driver, ...workspace(folder, use) })).toEqual([])
    }
  })

  it("nothing of the product imports test or bench", () => {
    const files = {
      ...workspace("bench"),
      ...workspace("apps/skein", { files: { "src/a.ts": importing("@skein/bench") } }),
    }
    expect(check(layers, files)).toEqual([
      "apps/skein/src/a.ts:1: imports @skein/bench, which is private: " +
        "nothing of the product imports test or bench",
    ])
  })

  it("the checker shares no code with what it judges", () => {
    const files = {
      ...workspace("packages/model"),
      ...workspace("test/checker", { files: { "src/a.ts": importing("@skein/model") } }),
    }
    expect(check(layers, files)).toEqual([
      "test/checker/src/a.ts:1: imports @skein/model: it must share no code with it",
    ])
  })

  it("doors and other apps see the ports only", () => {
    const inside = { ...workspace("packages/cluster"), ...workspace("packages/journal") }
    const use = { files: { "src/a.ts": importing("@skein/journal") } }
    for (const folder of ["packages/gateway-http", "apps/console"]) {
      expect(check(layers, { ...inside, ...workspace(folder, use) })).toEqual([
        `${folder}/src/a.ts:1: imports @skein/journal, an inside of the node: ` +
          "use @skein/wire or @skein/client",
      ])
    }
    expect(check(layers, { ...inside, ...workspace("apps/skein", use) })).toEqual([])
  })

  it("an unknown folder and an unknown package are named", () => {
    const files = {
      ...workspace("packages/surprise"),
      ...workspace("packages/queue", { dependencies: { "@skein/gone": "0.1.0" } }),
    }
    expect(check(layers, files)).toEqual([
      "packages/queue/package.json: @skein/gone does not exist",
      "packages/surprise: has no row in the table of test/tidy/src/House.ts",
    ])
  })
})
