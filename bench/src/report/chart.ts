/**
 * A report as one SVG: bars of the consume rate with ratios, and percentile curves of the end to
 * end latency on logarithmic axes. Made by hand, without fonts or scripts. Pure.
 */
import type { CurvePoint } from "../measure/Latency.js"
import type { SystemName } from "../System.js"
import { msText, rateText, ratioText } from "./format.js"
import { headlines } from "./headline.js"
import type { Report, Result } from "./Report.js"

export type Curves = Readonly<Partial<Record<SystemName, readonly CurvePoint[]>>>

/** Okabe and Ito's palette: apart for colour-blind readers too. */
const colours: Readonly<Record<SystemName, string>> = {
  skein: "#0072b2",
  "bare-loop": "#6b7280",
  "redis-streams": "#d55e00",
  rabbitmq: "#e69f00",
  nats: "#009e73",
  bullmq: "#cc79a7",
}

const width = 860
const margin = 32
const labelWidth = 130
const valueWidth = 225
const barHeight = 26
const barGap = 14
const headHeight = 84
const plotHeight = 300
const axisWidth = 64
const keyWidth = 262
const keysPerRow = 3
const keyHeight = 20
const nines = [50, 90, 99, 99.9, 99.99, 99.999]

export const chartSvg = (report: Report, curves: Curves): string => {
  const bars = barsSvg(report, headHeight)
  const hasCurves = Object.values(curves).some((points) => points.length > 1)
  const plotTop = bars.bottom + 56
  const plot = hasCurves ? curvesSvg(report, curves, plotTop) : ""
  const bottom =
    (hasCurves ? plotTop + plotHeight + 44 + keyRows(report) * keyHeight : bars.bottom) + 24
  const notes = report.results.map(
    ({ system, version, durability }, index) =>
      `<text class="note" x="${margin}" y="${bottom + index * 17}">` +
      `${escaped(`${system} ${version}: ${durability}`)}</text>`,
  )
  const height = bottom + notes.length * 17 + 12
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" role="img" aria-label="${escaped(titleOf(report))}">`,
    `<style>${style}</style>`,
    `<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>`,
    `<text class="title" x="${margin}" y="38">${escaped(titleOf(report))}</text>`,
    `<text class="sub" x="${margin}" y="60">${escaped(subtitleOf(report))}</text>`,
    bars.svg,
    plot,
    ...notes,
    "</svg>",
    "",
  ].join("\n")
}

export const style =
  "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#1f2937}" +
  ".card{fill:#ffffff;stroke:#d1d5db}.title{font-size:19px;font-weight:600}" +
  ".sub{font-size:13px;fill:#4b5563}.label{font-size:14px}.value{font-size:14px;font-weight:600}" +
  ".ratio{font-size:13px;font-weight:400;fill:#4b5563}.note{font-size:11.5px;fill:#4b5563}" +
  ".tick{font-size:12px;fill:#4b5563}.grid{stroke:#e5e7eb}.axis{stroke:#9ca3af}" +
  ".curve{fill:none;stroke-width:2.25;stroke-linejoin:round}"

const titleOf = ({ scenario }: Report): string => `${scenario}: ${headlines[scenario].label}`

const subtitleOf = ({ settings }: Report): string =>
  `${settings.size} byte bodies, batches of ${settings.batch}, ${settings.queues} queue(s), ` +
  `${settings.producers} producer(s), median of ${settings.windows} windows of ` +
  `${settings.seconds} s, one client process`

const barsSvg = (report: Report, top: number): { svg: string; bottom: number } => {
  const { value, text } = headlines[report.scenario]
  const largest = Math.max(0, ...report.results.map((result) => value(result) ?? 0)) || 1
  const room = width - 2 * margin - labelWidth - valueWidth
  const left = margin + labelWidth
  const rows = report.results.map((result, index) => {
    const y = top + index * (barHeight + barGap)
    const length = Math.max(2, ((value(result) ?? 0) / largest) * room)
    const middle = y + barHeight / 2 + 5
    const ratio = ratioNote(report, result)
    return [
      `<text class="label" x="${left - 12}" y="${middle}" text-anchor="end">` +
        `${result.system}</text>`,
      `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="4" ` +
        `fill="${colours[result.system]}"/>`,
      `<text class="value" x="${(left + length + 10).toFixed(1)}" y="${middle}">` +
        `${text(value(result))}<tspan class="ratio" dx="8">${escaped(ratio)}</tspan></text>`,
    ].join("\n")
  })
  return { svg: rows.join("\n"), bottom: top + rows.length * (barHeight + barGap) - barGap }
}

const ratioNote = (report: Report, result: Result): string => {
  const first = report.results[0]!
  const value = report.ratios[`${first.system} / ${result.system}`]
  return value === undefined ? "" : `(${first.system}: ${ratioText(value)})`
}

/** x: the share of messages that are slower, one decade per nine; y: milliseconds. */
const curvesSvg = (report: Report, curves: Curves, top: number): string => {
  const left = margin + axisWidth
  const right = width - margin
  const all = Object.values(curves).flat()
  const last = Math.max(90, ...all.map(({ percentile }) => percentile))
  const depthOf = (percentile: number): number => -Math.log10(1 - Math.min(percentile, last) / 100)
  const x = (percentile: number): number =>
    left + (depthOf(percentile) / depthOf(last)) * (right - left)
  const [low, high] = decades(all.map(({ ms }) => ms))
  const y = (ms: number): number =>
    top +
    plotHeight -
    ((Math.log10(Math.max(ms, low)) - Math.log10(low)) / (Math.log10(high) - Math.log10(low))) *
      plotHeight
  const marks: string[] = []
  for (let ms = low; ms <= high * 1.001; ms *= 10) {
    marks.push(
      `<line class="grid" x1="${left}" x2="${right}" y1="${fixed(y(ms))}" y2="${fixed(y(ms))}"/>`,
      `<text class="tick" x="${left - 10}" y="${fixed(y(ms) + 4)}" text-anchor="end">` +
        `${tickText(ms)} ms</text>`,
    )
  }
  for (const percentile of nines.filter((one) => one <= last)) {
    const at = fixed(x(percentile))
    marks.push(
      `<line class="grid" x1="${at}" x2="${at}" y1="${top}" y2="${top + plotHeight}"/>`,
      `<text class="tick" x="${at}" y="${top + plotHeight + 20}" text-anchor="middle">` +
        `p${percentile}</text>`,
    )
  }
  const lines = report.results.map(({ system, endToEndLatencyMs }, index) => {
    const points = curves[system] ?? []
    const path = points.map(({ percentile, ms }) => `${fixed(x(percentile))},${fixed(y(ms))}`)
    const keyX = left + (index % keysPerRow) * keyWidth
    const keyY = top + plotHeight + 50 + Math.floor(index / keysPerRow) * keyHeight
    const p99 = endToEndLatencyMs ? ` p99 ${msText(endToEndLatencyMs.p99)} ms` : ""
    return (
      `<polyline class="curve" stroke="${colours[system]}" points="${path.join(" ")}"/>\n` +
      `<rect x="${keyX}" y="${keyY - 9}" width="14" height="4" fill="${colours[system]}"/>` +
      `<text class="tick" x="${keyX + 22}" y="${keyY - 3}">${system}${p99}</text>`
    )
  })
  const caption =
    `<text class="sub" x="${margin}" y="${top - 16}">End to end latency by percentile ` +
    "(both axes logarithmic, all windows merged)</text>"
  const axis =
    `<line class="axis" x1="${left}" x2="${right}" y1="${top + plotHeight}" ` +
    `y2="${top + plotHeight}"/>`
  return [caption, ...marks, axis, ...lines].join("\n")
}

const keyRows = ({ results }: Report): number => Math.ceil(results.length / keysPerRow)

/** Powers of ten around all values. */
export const decades = (values: readonly number[]): readonly [number, number] => {
  const positive = values.filter((value) => value > 0)
  const low = 10 ** Math.floor(Math.log10(Math.min(...positive, 1)))
  const high = 10 ** Math.ceil(Math.log10(Math.max(...positive, low * 10)))
  return [low, high]
}

export const tickText = (ms: number): string =>
  ms >= 1 ? rateText(ms) : ms.toFixed(-Math.floor(Math.log10(ms * 1.001)))

export const fixed = (value: number): string => value.toFixed(1)

export const escaped = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
