/**
 * Owns: one TypeScript file as the rules see it: its imports, functions and syntax tree.
 * It must not know any rule.
 */
import { type Comment, parseSync, visitorKeys } from "oxc-parser"

/** A node of the syntax tree, as far as the rules look: ESTree. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export interface Import {
  readonly specifier: string
  /** Names taken as values; `*` for a whole namespace. Empty for types only. */
  readonly values: ReadonlyArray<string>
  readonly line: number
}

export interface FunctionSpan {
  /** Its own name, or that of what it is given to. */
  readonly name: string
  readonly line: number
  /** Lines from first to last, less those of describe blocks in it. */
  readonly lines: number
}

export interface Source {
  readonly path: string
  /** The workspace's folder. */
  readonly folder: string
  readonly text: string
  readonly isTest: boolean
  readonly imports: ReadonlyArray<Import>
  readonly functions: ReadonlyArray<FunctionSpan>
  readonly comments: ReadonlyArray<Comment>
  readonly program: SyntaxNode
  /** Messages of the parser; such a file has no tree worth judging. */
  readonly syntaxErrors: ReadonlyArray<string>
  readonly lineAt: (offset: number) => number
}

export function parseSource(path: string, folder: string, text: string): Source {
  const parsed = parseSync(path, text)
  const lineAt = lineFinder(text)
  const program = parsed.program as unknown as SyntaxNode
  return {
    path,
    folder,
    text,
    isTest: path.endsWith(".test.ts"),
    imports: importsOf(program, lineAt),
    functions: functionsOf(program, lineAt),
    comments: parsed.comments,
    program,
    syntaxErrors: parsed.errors.map((error) => error.message),
    lineAt,
  }
}

/** Calls `visit` for a node and all below it, parents first; `parents` ends with the nearest. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parents: ReadonlyArray<SyntaxNode>) => void,
  parents: ReadonlyArray<SyntaxNode> = [],
): void {
  visit(node, parents)
  const below = [...parents, node]
  for (const key of visitorKeys[node.type] ?? []) {
    const child = node[key]
    for (const each of Array.isArray(child) ? child : [child]) {
      if (isNode(each)) walk(each, visit, below)
    }
  }
}

/** `a.b.c` for a chain of names, else undefined. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === "Identifier") return node.name as string
  if (node.type === "MemberExpression" && node.computed !== true) {
    const object = nameOf(node.object)
    return object === undefined ? undefined : `${object}.${nameOf(node.property)}`
  }
  return node.type === "CallExpression" ? nameOf(node.callee) : undefined
}

/** The text of a string, or of a template without holes; else undefined. */
export function stringOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === "Literal" && typeof node.value === "string") return node.value
  if (node.type !== "TemplateLiteral") return undefined
  const quasis = node.quasis as ReadonlyArray<{ value: { cooked: string } }>
  return quasis.length === 1 ? quasis[0]?.value.cooked : undefined
}

/** The path that a relative specifier in `from` means. */
export function resolvePath(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1)
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop()
    else if (part !== ".") parts.push(part)
  }
  return parts.join("/")
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && "start" in value
}

function importsOf(program: SyntaxNode, lineAt: (offset: number) => number): Import[] {
  const imports: Import[] = []
  walk(program, (node) => {
    const specifier = stringOf(node.source)
    if (specifier === undefined) return
    const line = lineAt(node.start)
    switch (node.type) {
      case "ImportDeclaration":
        imports.push({ specifier, values: valuesOf(node, "importKind", "imported"), line })
        break
      case "ExportNamedDeclaration":
        imports.push({ specifier, values: valuesOf(node, "exportKind", "local"), line })
        break
      case "ExportAllDeclaration":
        imports.push({ specifier, values: node.exportKind === "type" ? [] : ["*"], line })
        break
      case "ImportExpression":
        imports.push({ specifier, values: ["*"], line })
        break
      case "TSImportType":
        imports.push({ specifier, values: [], line })
    }
  })
  return imports
}

function valuesOf(node: SyntaxNode, kind: string, nameKey: string): string[] {
  if (node[kind] === "type") return []
  const specifiers = node.specifiers as ReadonlyArray<SyntaxNode>
  // `import "x"` takes nothing by name and yet runs it.
  if (specifiers.length === 0) return ["*"]
  return specifiers
    .filter((each) => each[kind] !== "type")
    .map((each) => nameOf(each[nameKey]) ?? "*")
}

const functionTypes = new Set([
  "ArrowFunctionExpression",
  "FunctionDeclaration",
  "FunctionExpression",
])

function functionsOf(program: SyntaxNode, lineAt: (offset: number) => number): FunctionSpan[] {
  const linesOf = (node: SyntaxNode) => lineAt(node.end - 1) - lineAt(node.start) + 1
  const spans: FunctionSpan[] = []
  walk(program, (node, parents) => {
    if (!functionTypes.has(node.type) || isDescribe(parents)) return
    let inDescribe = 0
    walk(node, (inner, between) => {
      if (!functionTypes.has(inner.type) || !isDescribe(between)) return
      const isNested = between.some((_, i) => i > 0 && isDescribe(between.slice(0, i)))
      if (!isNested) inDescribe += linesOf(inner)
    })
    const name = functionName(node, parents)
    spans.push({ name, line: lineAt(node.start), lines: linesOf(node) - inDescribe })
  })
  return spans
}

/** A describe block is a list of tests, not a function: its length says nothing. */
function isDescribe(parents: ReadonlyArray<SyntaxNode>): boolean {
  const call = parents.at(-1)
  if (call?.type !== "CallExpression") return false
  return /^(describe|suite)\b|^it\.layer$|^layer$/.test(nameOf(call.callee) ?? "")
}

function functionName(node: SyntaxNode, parents: ReadonlyArray<SyntaxNode>): string {
  const own = nameOf(node.id)
  if (own !== undefined) return own
  for (const parent of [...parents].reverse()) {
    const name = nameOf(parent.id) ?? nameOf(parent.key)
    if (name !== undefined) return name
    if (functionTypes.has(parent.type)) break
    const title = parent.type === "CallExpression" ? firstString(parent) : undefined
    if (title !== undefined) return title
  }
  return "(anonymous)"
}

function firstString(call: SyntaxNode): string | undefined {
  return stringOf((call.arguments as ReadonlyArray<unknown>)[0])
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle
    }
    return low + 1
  }
}
