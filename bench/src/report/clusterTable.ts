/** A cluster report as text for the terminal: rows with the same columns make one table. Pure. */
import type { ClusterReport, ClusterResult } from "./ClusterReport.js"
import { msText } from "./format.js"
import { align } from "./table.js"

export const clusterTableText = (report: ClusterReport): string => {
  const { results, ratios, notes } = report
  return [
    headline(report),
    ...groupsOf(results).flatMap((group) => ["", ...tableOf(group)]),
    ...lines(
      "",
      Object.entries(ratios).map(([name, value]) => `${name}: ${value.toFixed(2)} x`),
    ),
    ...lines("", notes),
  ].join("\n")
}

const lines = (before: string, all: readonly string[]): readonly string[] =>
  all.length === 0 ? [] : [before, ...all]

const headline = ({ scenario, settings, results }: ClusterReport): string => {
  const { nodes, shards, size, rate, batch } = settings
  const load =
    rate > 0 ? `${rate} messages/s of ${size} bytes in calls of ${batch}` : "load as found"
  return `${scenario} (${results[0]?.version ?? ""}): ${nodes} nodes, ${shards} shards, ${load}`
}

/** Neighbours with the same columns. */
const groupsOf = (results: readonly ClusterResult[]): readonly (readonly ClusterResult[])[] => {
  const groups: ClusterResult[][] = []
  for (const result of results) {
    const last = groups.at(-1)
    if (last !== undefined && columnsOf(last[0]!) === columnsOf(result)) last.push(result)
    else groups.push([result])
  }
  return groups
}

const columnsOf = ({ facts }: ClusterResult): string => Object.keys(facts).join()

const tableOf = (group: readonly ClusterResult[]): readonly string[] => {
  const names = Object.keys(group[0]!.facts)
  return align([
    ["", ...names],
    ...group.map(({ name, facts }) => [name, ...names.map((fact) => valueText(facts[fact]!))]),
  ])
}

/** Counts without decimals, all else with three digits. */
const valueText = (value: number): string =>
  Number.isInteger(value) ? String(value).replace(/\B(?=(\d{3})+$)/g, ",") : signed(value)

const signed = (value: number): string => (value < 0 ? `-${msText(-value)}` : msText(value))
