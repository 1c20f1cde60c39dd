/** Owns: how tests are written: all of them run, and none waits for time to pass. */
import { sleepers } from "../House.js"
import { isNode, nameOf, type Source, type SyntaxNode, walk } from "../Source.js"
import type { Rule, Violation } from "../Violation.js"

export const allRun: Rule = {
  promise: "no test is switched off or alone; a skip is ctx.skip(reason) while it runs",
  check: ({ sources }) =>
    sources.flatMap((source) =>
      callsOf(source).flatMap(({ name, line, arguments: given }): Violation[] => {
        const modifier = /^(it|test|describe|suite)\.(.*\.)?(skip|only|todo|skipIf|runIf)$/.exec(
          name,
        )
        if (modifier !== null) {
          const message = `${name}: use ctx.skip("reason") in the test, or let it run`
          return [{ path: source.path, line, message }]
        }
        if (source.isTest && /^(ctx|context)\.skip$/.test(name) && given.length === 0) {
          return [{ path: source.path, line, message: `${name}: state the reason` }]
        }
        return []
      }),
    ),
}

/** A sleeper is named in House.ts with the reason why nothing could be awaited. */
export function noSleepsBut(known: Readonly<Record<string, string>>): Rule {
  return {
    promise: "no test sleeps: it awaits a signal, or moves a test clock",
    check: ({ sources }) => {
      const met = new Set<string>()
      const violations = sources
        .filter((source) => source.isTest || source.folder.startsWith("test/"))
        .flatMap((source) => {
          const sleeps = sleepsOf(source)
          if (sleeps.length > 0) met.add(source.path)
          return known[source.path] === undefined ? sleeps : []
        })
      const idle = Object.keys(known).filter((path) => !met.has(path))
      return [
        ...violations,
        ...idle.map((path) => ({ path, message: "sleeps no longer: drop its entry" })),
      ]
    },
  }
}

export const noSleeps = noSleepsBut(sleepers)

interface Call {
  readonly name: string
  readonly line: number
  readonly arguments: ReadonlyArray<unknown>
}

function callsOf(source: Source): Call[] {
  const calls: Call[] = []
  walk(source.program, (node) => {
    // In `it.skipIf(x)("name", …)` the inner call is the one to judge.
    if (node.type !== "CallExpression" || isCall(node.callee)) return
    const name = nameOf(node.callee)
    if (name === undefined) return
    const given = node.arguments as ReadonlyArray<unknown>
    calls.push({ name, line: source.lineAt(node.start), arguments: given })
  })
  return calls
}

function isCall(node: unknown): boolean {
  return isNode(node) && node.type === "CallExpression"
}

function sleepsOf(source: Source): Violation[] {
  const message = "sleeps: await a signal, use TestClock, or name it in House.ts with a reason"
  const at = (line: number) => ({ path: source.path, line, message })
  const timers = source.imports
    .filter(({ specifier }) => /^(node:)?timers\/promises$/.test(specifier))
    .map(({ line }) => at(line))
  // Under a TestClock, Effect.sleep is a moment of the test's own time.
  const isVirtual = /\bTestClock\b/.test(source.text)
  const effects = callsOf(source)
    .filter(({ name }) => name === "Atomics.wait" || (name === "Effect.sleep" && !isVirtual))
    .map(({ line }) => at(line))
  const promises: Violation[] = []
  walk(source.program, (node) => {
    const resolve = resolverOf(node)
    if (resolve === undefined) return
    walk(node, (inner) => {
      if (isTimerFor(inner, resolve)) promises.push(at(source.lineAt(inner.start)))
    })
  })
  return [...timers, ...effects, ...promises]
}

/** The name of the resolver in `new Promise((resolve) => …)`. */
function resolverOf(node: SyntaxNode): string | undefined {
  if (node.type !== "NewExpression" || nameOf(node.callee) !== "Promise") return undefined
  const executor = (node.arguments as ReadonlyArray<unknown>)[0]
  if (!isNode(executor)) return undefined
  return nameOf((executor.params as ReadonlyArray<unknown> | undefined)?.[0])
}

/** `setTimeout(resolve, …)` or `setTimeout(() => resolve(…), …)`. */
function isTimerFor(node: SyntaxNode, resolve: string): boolean {
  if (node.type !== "CallExpression" || nameOf(node.callee) !== "setTimeout") return false
  const callback = (node.arguments as ReadonlyArray<unknown>)[0]
  if (nameOf(callback) === resolve) return true
  return isNode(callback) && nameOf(callback.body) === resolve
}
