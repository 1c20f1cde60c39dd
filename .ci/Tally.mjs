// Owns: counting a finished test run into passed, failed and skipped, with a line for every skip
// and for every failure that is not a test of its own.

/**
 * @param modules vitest's TestModules after the run
 * @param context checksFailed: failed static checks; fileOf: module id -> path to show;
 *   isFiltered: tests were selected by name, so a test without result was not asked for;
 *   strayErrors: errors outside any test
 */
export function tally(modules, { checksFailed, fileOf, isFiltered, strayErrors }) {
  const lines = []
  let passed = 0
  let failed = 0
  let skipped = 0
  const fail = (count, why) => {
    failed += count
    if (count > 0) lines.push(`failed: ${why}`)
  }
  for (const module of modules) {
    const file = fileOf(module.moduleId)
    fail(module.errors().length, `${file} could not be loaded`)
    for (const suite of module.children.allSuites()) {
      fail(suite.errors().length, `${file} › ${suite.fullName}: could not be set up or torn down`)
    }
    for (const test of module.children.allTests()) {
      const name = `${file} › ${test.fullName}`
      const { state, note } = test.result()
      if (state === "passed") passed++
      else if (state === "failed") failed++
      else if (note !== undefined) {
        skipped++
        lines.push(`skipped: ${name}: ${note}`)
      } else if (!isFiltered) fail(1, `${name}: not executed, and no reason given`)
    }
  }
  fail(strayErrors, `${strayErrors} errors outside any test`)
  fail(checksFailed, "static checks, see above")
  if (passed + failed === 0) fail(1, "no test was executed")
  return { closing: `${passed} passed, ${failed} failed, ${skipped} skipped`, failed, lines }
}
