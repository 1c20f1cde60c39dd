// Owns: one run of every test, and its last line: `N passed, N failed, N skipped`.
//
// What counts as failed: a failed test; a test whose suite could not be set up; a file that could
// not be loaded; an error outside any test; a static check that failed before (`verify`); a run
// without a single executed test; a skip without a reason. A reason is the argument of
// `ctx.skip("reason")`. Arguments go to vitest: file filters, `-t PATTERN`, `--project process`.
import { relative } from "node:path"
import { parseCLI, startVitest } from "vitest/node"
import { root } from "./Child.mjs"
import { tally } from "./Tally.mjs"

const { filter, options } = parseCLI(["vitest", "run", ...process.argv.slice(2)])
const vitest = await startVitest("test", filter, {
  ...options,
  config: ".ci/vitest.config.mjs",
  root,
  watch: false,
})
const result = tally(vitest.state.getTestModules(), {
  checksFailed: Number(process.env.SKEIN_CHECKS_FAILED ?? 0),
  fileOf: (moduleId) => relative(root, moduleId),
  isFiltered: options.testNamePattern !== undefined,
  strayErrors: vitest.state.getUnhandledErrors().length,
})
await vitest.close()
for (const line of result.lines) console.log(line)
process.stdout.write(`${result.closing}\n`, () => process.exit(result.failed === 0 ? 0 : 1))
