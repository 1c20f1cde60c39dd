/**
 * A cluster report as one SVG: messages per second and p99 over time, one above the other on the
 * same seconds, with a line where something was done to the fabric. Made by hand, without fonts or
 * scripts. Pure.
 */
import type { TimeMark, TimePoint } from "../measure/Timeline.js"
import type { ClusterReport } from "./ClusterReport.js"
import { decades, escaped, fixed, style, tickText } from "./chart.js"
import { msText, rateText } from "./format.js"

const width = 860
const margin = 32
const axisWidth = 64
const left = margin + axisWidth
const right = width - margin
const plotHeight = 200
const ratesTop = 150
const latenciesTop = ratesTop + plotHeight + 70
const bottom = latenciesTop + plotHeight
const height = bottom + 84
/** More labels than this would lie on each other. */
const labelsMax = 18
const labelRows = 4
const ticksWanted = 8
const rateTicks = 4

interface Line {
  readonly label: string
  readonly colour: string
  readonly value: (point: TimePoint) => number | null
}

const rates: readonly Line[] = [
  { label: "confirmed", colour: "#0072b2", value: (point) => point.confirmedPerSecond },
  { label: "consumed", colour: "#e69f00", value: (point) => point.consumedPerSecond },
]
const latencies: readonly Line[] = [
  { label: "confirm p99", colour: "#0072b2", value: (point) => point.confirmP99Ms },
  { label: "end to end p99", colour: "#e69f00", value: (point) => point.endToEndP99Ms },
]

export const timelineSvg = (report: ClusterReport): string => {
  const { points, marks } = report
  const seconds = Math.max(1, ...points.map(({ atSeconds }) => atSeconds))
  const x = (atSeconds: number): number => left + (atSeconds / seconds) * (right - left)
  const title = `${report.scenario}: messages per second and p99 over time`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}.mark{stroke:#b91c1c;stroke-dasharray:3 3}.marked{font-size:11px;fill:#b91c1c}` +
      "</style>",
    `<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>`,
    `<text class="title" x="${margin}" y="38">${escaped(title)}</text>`,
    `<text class="sub" x="${margin}" y="60">${escaped(subtitle(report))}</text>`,
    ...marksSvg(marks, x),
    ...ratesSvg(points, x),
    ...latenciesSvg(points, x),
    ...secondsSvg(seconds, x),
    "</svg>",
    "",
  ].join("\n")
}

const subtitle = ({ settings, marks }: ClusterReport): string =>
  `${settings.nodes} nodes, ${settings.shards} shards, ${settings.size} byte bodies, ` +
  `${marks.length} mark(s)`

type X = (atSeconds: number) => number

const marksSvg = (marks: readonly TimeMark[], x: X): readonly string[] => {
  const isLabelled = marks.length <= labelsMax
  return marks.flatMap(({ atSeconds, label }, index) => {
    const at = x(atSeconds)
    const labelY = ratesTop - 10 - 14 * (labelRows - 1 - (index % labelRows))
    const line = `<line class="mark" x1="${fixed(at)}" x2="${fixed(at)}" y1="${
      isLabelled ? labelY + 3 : ratesTop
    }" y2="${bottom}"/>`
    const isRight = at > (left + right) / 2
    const text =
      `<text class="marked" x="${fixed(isRight ? at - 3 : at + 3)}" y="${labelY}" ` +
      `text-anchor="${isRight ? "end" : "start"}">${escaped(label)}</text>`
    return isLabelled ? [line, text] : [line]
  })
}

const ratesSvg = (points: readonly TimePoint[], x: X): readonly string[] => {
  const values = points.flatMap((point) => rates.map(({ value }) => value(point) ?? 0))
  const step = niceStep(Math.max(1, ...values) / rateTicks)
  const most = step * Math.ceil(Math.max(1, ...values) / step)
  const y = (value: number): number => ratesTop + plotHeight * (1 - value / most)
  const ticks = Array.from({ length: Math.round(most / step) + 1 }, (_, index) => index * step)
  return [
    ...ticks.flatMap((tick) => gridLine(y(tick), rateText(tick))),
    ...linesSvg(rates, points, x, y),
    keySvg(rates, points, ratesTop + plotHeight + 22, (value) => `${rateText(value)}/s`),
  ]
}

const latenciesSvg = (points: readonly TimePoint[], x: X): readonly string[] => {
  const values = points.flatMap((point) => latencies.flatMap(({ value }) => value(point) ?? []))
  const [low, high] = decades(values)
  const depth = Math.log10(high) - Math.log10(low)
  const y = (ms: number): number =>
    bottom - ((Math.log10(Math.max(ms, low)) - Math.log10(low)) / depth) * plotHeight
  const ticks = Array.from({ length: Math.round(depth) + 1 }, (_, index) => low * 10 ** index)
  return [
    ...ticks.flatMap((tick) => gridLine(y(tick), `${tickText(tick)} ms`)),
    ...linesSvg(latencies, points, x, y),
    keySvg(latencies, points, bottom + 44, (value) => `${msText(value)} ms`),
  ]
}

const gridLine = (y: number, text: string): readonly string[] => [
  `<line class="grid" x1="${left}" x2="${right}" y1="${fixed(y)}" y2="${fixed(y)}"/>`,
  `<text class="tick" x="${left - 10}" y="${fixed(y + 4)}" text-anchor="end">${text}</text>`,
]

/** A line breaks where nothing was answered. */
const linesSvg = (
  lines: readonly Line[],
  points: readonly TimePoint[],
  x: X,
  y: (value: number) => number,
): readonly string[] =>
  lines.flatMap(({ colour, value }) => {
    const runs: string[][] = [[]]
    for (const point of points) {
      const of = value(point)
      if (of === null) runs.push([])
      else runs.at(-1)!.push(`${fixed(x(point.atSeconds))},${fixed(y(of))}`)
    }
    return runs
      .filter((run) => run.length > 0)
      .map((run) => `<polyline class="curve" stroke="${colour}" points="${runOf(run).join(" ")}"/>`)
  })

/** A single point is drawn as a short line: a polyline of one point is invisible. */
const runOf = (run: readonly string[]): readonly string[] => {
  if (run.length > 1) return run
  const [x, y] = run[0]!.split(",").map(Number)
  return [run[0]!, `${fixed(x! + 2)},${fixed(y!)}`]
}

const keySvg = (
  lines: readonly Line[],
  points: readonly TimePoint[],
  y: number,
  text: (value: number) => string,
): string =>
  lines
    .map(({ label, colour, value }, index) => {
      const x = left + index * 262
      const most = Math.max(0, ...points.map((point) => value(point) ?? 0))
      return (
        `<rect x="${x}" y="${y - 9}" width="14" height="4" fill="${colour}"/>` +
        `<text class="tick" x="${x + 22}" y="${y - 3}">${label}, most ${text(most)}</text>`
      )
    })
    .join("\n")

const secondsSvg = (seconds: number, x: X): readonly string[] => {
  const step = niceStep(seconds / ticksWanted)
  const ticks = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step)
  return ticks.map(
    (tick) =>
      `<text class="tick" x="${fixed(x(tick))}" y="${bottom + 20}" text-anchor="middle">` +
      `${rateText(tick)} s</text>`,
  )
}

/** 1, 2 or 5 times a power of ten, at or above: at least 1. */
export const niceStep = (least: number): number => {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)))
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= least) ?? 10 * power
}
