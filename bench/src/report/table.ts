/** A report as text for the terminal. Pure. */
import { windowsMin } from "../scenarios/Settings.js"
import { msText, rateText, ratioText } from "./format.js"
import type { Report, Result } from "./Report.js"

const million = 1_000_000

interface Context {
  readonly report: Report
  /** Messages of this system in all windows. */
  readonly consumed: number
}

interface Column {
  readonly head: string
  readonly cell: (result: Result, context: Context) => string
}

const columns: readonly Column[] = [
  { head: "system", cell: (result) => result.system },
  { head: "publish/s", cell: (result) => rateText(result.publishRate) },
  { head: "consume/s", cell: (result) => rateText(result.consumeRate) },
  { head: "ratio", cell: ratioCell },
  { head: "confirm p50", cell: (result) => msText(result.publishLatencyMs?.p50) },
  { head: "p99", cell: (result) => msText(result.publishLatencyMs?.p99) },
  { head: "end to end p50", cell: (result) => msText(result.endToEndLatencyMs?.p50) },
  { head: "p99", cell: (result) => msText(result.endToEndLatencyMs?.p99) },
  { head: "p99.9", cell: (result) => msText(result.endToEndLatencyMs?.p999) },
  { head: "max", cell: (result) => msText(result.endToEndLatencyMs?.max) },
  { head: "delay p99", cell: (result) => msText(result.publishDelayMs?.p99) },
  { head: "CPU s/M", cell: cpuPerMillion },
  { head: "RSS MiB", cell: (result) => rateText(result.rssMaxMiB) },
]

/** `consumed`: messages consumed in the windows, by the order of `report.results`. */
export const tableText = (report: Report, consumed: readonly number[]): string => {
  const cells = report.results.map((result, index) =>
    columns.map(({ cell }) => cell(result, { report, consumed: consumed[index]! })),
  )
  const isShown = (column: number): boolean =>
    column === 0 || cells.some((row) => row[column] !== "-")
  const heads = columns.map(({ head }) => head).filter((_, column) => isShown(column))
  const rows = cells.map((row) => row.filter((_, column) => isShown(column)))
  return [
    headline(report),
    "",
    ...align([heads, ...rows]),
    ...factLines(report),
    "",
    ...report.results.map((one) => `${one.system} ${one.version}: ${one.durability}`),
    ...(report.settings.windows < windowsMin
      ? ["", `Fewer than ${windowsMin} windows: a check that it runs, not a result.`]
      : []),
  ].join("\n")
}

/** Columns as wide as their widest cell; the first flush left, figures flush right. */
export const align = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join("  ")
      .trimEnd(),
  )
}

const headline = ({ scenario, settings }: Report): string => {
  const { size, batch, queues, producers, windows, seconds } = settings
  return (
    `${scenario}: ${size} bytes, batches of ${batch}, ${queues} queue(s), ` +
    `${producers} producer(s); median of ${windows} windows of ${seconds} s; ` +
    "latencies in ms, all windows merged"
  )
}

const factLines = ({ results }: Report): readonly string[] => {
  const names = [...new Set(results.flatMap(({ facts }) => Object.keys(facts ?? {})))]
  if (names.length === 0) return []
  const rows = results.map(({ system, facts }) => [
    system,
    ...names.map((name) => msText(facts?.[name])),
  ])
  return ["", ...align([["", ...names], ...rows])]
}

/** The first system against this one; above 1 the first is better. */
function ratioCell(result: Result, { report }: Context): string {
  const first = report.results[0]!
  return result === first ? "-" : ratioText(report.ratios[`${first.system} / ${result.system}`])
}

/** CPU seconds of the broker per million consumed messages. */
function cpuPerMillion(result: Result, { consumed }: Context): string {
  if (result.cpuSeconds === null || consumed === 0) return "-"
  return (result.cpuSeconds / (consumed / million)).toFixed(1)
}
