/**
 * Owns: TypeScript in Markdown: where each piece stands, the module that it becomes, and pieces
 * that no fence marks as such. Must not know the compiler.
 */
import type { Violation } from "../Violation.js"

export interface Snippet {
  readonly path: string
  /** Of its first line in the Markdown, 1-based. */
  readonly line: number
  readonly text: string
}

/** What a piece takes for given, where a reader knows it from its text: goes around it. */
export interface Given {
  /** One line. */
  readonly before: string
  readonly after?: string
}

const fence = /^```(\w*)/
const typescript = new Set(["ts", "tsx", "typescript"])
/** Four spaces, as Markdown's other way to show code has it, and what no prose begins with. */
const statement = /^ {4}\s*(const|import|await|export|return|yield\*?) [^.]*[=("']/

/** The fenced pieces of one file, in their order. */
export function snippetsOf(path: string, markdown: string): ReadonlyArray<Snippet> {
  const snippets: Snippet[] = []
  eachLine(markdown, {
    closed: (language, line, lines) => {
      if (typescript.has(language)) snippets.push({ path, line, text: lines.join("\n") })
    },
  })
  return snippets
}

/** TypeScript that is only indented is never checked, so it is refused. */
export function unfenced(path: string, markdown: string): ReadonlyArray<Violation> {
  const violations: Violation[] = []
  eachLine(markdown, {
    outside: (text, line) => {
      if (!statement.test(text)) return
      violations.push({ path, line, message: "put TypeScript between ```ts and ```" })
    },
  })
  return violations
}

/** A module whose lines have the numbers of the Markdown's. */
export function moduleOf({ line, text }: Snippet, given?: Given): string {
  return `${given?.before ?? ""}${"\n".repeat(line - 1)}${text}\n${given?.after ?? ""}\n`
}

interface LineListener {
  readonly closed?: (language: string, line: number, lines: ReadonlyArray<string>) => void
  readonly outside?: (text: string, line: number) => void
}

function eachLine(markdown: string, listener: LineListener): void {
  let language: string | undefined
  let first = 0
  let lines: string[] = []
  markdown.split("\n").forEach((text, at) => {
    const [mark, of = ""] = fence.exec(text) ?? []
    if (language === undefined) {
      if (mark === undefined) listener.outside?.(text, at + 1)
      else {
        language = of
        first = at + 2
        lines = []
      }
    } else if (mark === undefined) lines.push(text)
    else {
      listener.closed?.(language, first, lines)
      language = undefined
    }
  })
}
