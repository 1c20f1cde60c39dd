import type { Figure } from "./Figure.js"
import { lastJson } from "./lastJson.js"

/** The part of vitest's JSON report that matters here. */
interface TestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
}

/** Every test of NF10 carries this in its name. */
const marker = "NF10"
const args = ["vitest", "run", "--reporter=json", "-t", marker]

/** What kill -9 cannot show: no reply leaves before the fdatasync that covers it. */
export const nf10: Figure = {
  id: "NF10",
  group: "node",
  asked: "no reply before its fdatasync; 2,000 runs on the forgetting disk lose nothing confirmed",
  commands: () => [`npx ${args.join(" ")}`],
  measure: async ({ run }) => {
    const { code, output } = await run("npx", args)
    const { numPassedTests: passed, numFailedTests: failed } = lastJson<TestReport>(output)
    return {
      measured: `${passed} tests named ${marker} passed, ${failed} failed`,
      ok: code === 0 && passed > 0 && failed === 0,
    }
  },
}
