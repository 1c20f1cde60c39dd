import type { Figure } from "./Figure.js"
import { lastJson } from "./lastJson.js"

/** The part of vitest's JSON report that matters here. */
interface TestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[]
  }[]
}

const files = [
  "packages/journal-file/src/FileJournal.faults.test.ts",
  "packages/journal-file/src/CrashRuns.test.ts",
  "packages/node/src/durable.test.ts",
]

/** Each must be there and pass; the second of a pair shows that the first can fail. */
const asked = [
  "no confirm leaves before it",
  "the recorder sees a build that leaves the fdatasync out",
  "gives no answer before the commit that covers it",
  "would notice an answer that came before",
  "2000 runs lose nothing confirmed and take up nothing else",
  "a build whose fdatasync does nothing loses confirmed records",
]

const args = [
  "vitest",
  "run",
  "--config",
  ".ci/vitest.config.mjs",
  "--project",
  "unit",
  "--reporter=json",
  ...files,
]

/** What kill -9 cannot show: no reply leaves before the fdatasync that covers it. */
export const nf10: Figure = {
  id: "NF10",
  group: "node",
  asked: "no reply before its fdatasync; 2,000 runs on the forgetting disk lose nothing confirmed",
  commands: () => [`npx ${args.join(" ")}`],
  measure: async ({ run }) => {
    const { code, output } = await run("npx", args)
    const { testResults } = lastJson<TestReport>(output)
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
    const passed = asked.filter((name) =>
      tests.some(({ title, status }) => title === name && status === "passed"),
    )
    const missing = asked.filter((name) => !passed.includes(name))
    const not = missing.length === 0 ? "" : `; not: ${missing.join(", ")}`
    return {
      measured: `${passed.length} of the ${asked.length} tests that show it passed${not}`,
      ok: code === 0 && missing.length === 0,
    }
  },
}
