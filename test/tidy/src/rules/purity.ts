/** Owns: what pure code may touch. Time, seeds and bytes arrive as values; values are returned. */

import { engine, pureEffect, purePackages } from "../House.js"
import { placeOf, type Repository } from "../Repository.js"
import { isNode, nameOf, type Source, type SyntaxNode, walk } from "../Source.js"
import type { Rule, Violation } from "../Violation.js"

export const purity: Rule = {
  promise: "pure packages use no runtime, clock, randomness, I/O, async or node:*",
  check: (repository: Repository) =>
    repository.sources
      .filter((source) => isPure(source) && !source.isTest)
      .flatMap((source) => [...impureImports(source), ...impureCode(source)]),
}

function isPure({ folder, path }: Source): boolean {
  const prefixes = placeOf(folder)?.pure ?? []
  return prefixes.some((prefix) => path.startsWith(`${folder}/${prefix}`))
}

function impureImports(source: Source): Violation[] {
  return source.imports.flatMap(({ specifier, values, line }): Violation[] => {
    const refuse = (why: string) => [{ path: source.path, line, message: `pure code: ${why}` }]
    if (values.length === 0 || specifier.startsWith(".") || specifier.startsWith("@skein/")) {
      return []
    }
    if (specifier === "effect" || specifier.startsWith("effect/")) {
      const names = specifier === "effect" ? values : [specifier.slice("effect/".length)]
      const impure = names.filter((name) => !pureEffect.includes(name))
      return impure.length === 0 ? [] : refuse(`takes ${impure.join(", ")} from effect`)
    }
    return purePackages.includes(specifier) || isPureEngine(source, specifier)
      ? []
      : refuse(`imports ${specifier}`)
  })
}

function isPureEngine({ folder, path }: Source, specifier: string): boolean {
  const allowed = placeOf(folder)?.pureEngine ?? []
  return path === `${folder}/${engine.file}` && allowed.includes(specifier)
}

const impureGlobals = new Set([
  "console",
  "crypto",
  "fetch",
  "performance",
  "process",
  "queueMicrotask",
  "setImmediate",
  "setInterval",
  "setTimeout",
  "Promise",
])
const impureCalls = new Set(["Date.now", "Math.random"])

function impureCode(source: Source): Violation[] {
  const found: Violation[] = []
  walk(source.program, (node) => {
    const what = impurity(node)
    if (what === undefined) return
    const line = source.lineAt(node.start)
    found.push({ path: source.path, line, message: `pure code: uses ${what}` })
  })
  return found
}

function impurity(node: SyntaxNode): string | undefined {
  if (node.async === true) return "async"
  switch (node.type) {
    case "AwaitExpression":
      return "await"
    case "NewExpression": {
      const name = nameOf(node.callee)
      const hasArguments = (node.arguments as ReadonlyArray<unknown>).length > 0
      if (name === "Date" && !hasArguments) return "new Date()"
      return name !== undefined && impureGlobals.has(name) ? name : undefined
    }
    case "CallExpression": {
      const name = nameOf(node.callee)
      return name !== undefined && impureGlobals.has(name) ? name : undefined
    }
    case "MemberExpression": {
      const name = nameOf(node)
      if (name !== undefined && impureCalls.has(name)) return name
      const object = node.object
      if (!isNode(object) || object.type !== "Identifier") return undefined
      return impureGlobals.has(object.name as string) ? (object.name as string) : undefined
    }
  }
  return undefined
}
