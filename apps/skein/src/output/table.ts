/** Owns: results as aligned columns, for people. */
import { safeText } from "./safeText.js"
import type { Terminal } from "./Terminal.js"

export interface Column<Row> {
  readonly title: string
  readonly align?: "right"
  readonly cell: (row: Row) => string
}

/** Columns under a bold line of titles; ends with a newline. */
export const table = <Row>(
  terminal: Pick<Terminal, "paintOut">,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): string => {
  const cells = rows.map((row) => columns.map(({ cell }) => safeText(cell(row))))
  const widths = columns.map(({ title }, at) =>
    cells.reduce((width, row) => Math.max(width, row[at].length), title.length),
  )
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => pad(text, widths[at], columns[at].align))
      .join("  ")
      .trimEnd()
  const head = terminal.paintOut("bold", line(columns.map(({ title }) => title)))
  return [head, ...cells.map(line), ""].join("\n")
}

/** `name  value` lines; ends with a newline. */
export const facts = (
  terminal: Pick<Terminal, "paintOut">,
  rows: readonly (readonly [name: string, value: string])[],
): string => {
  const width = rows.reduce((widest, [name]) => Math.max(widest, name.length), 0)
  return rows
    .map(([name, value]) => `${terminal.paintOut("dim", name.padEnd(width))}  ${safeText(value)}\n`)
    .join("")
}

const pad = (text: string, width: number, align: "right" | undefined): string =>
  align === "right" ? text.padStart(width) : text.padEnd(width)
