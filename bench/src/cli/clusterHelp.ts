/** The text of `--help` about the cluster scenarios. Pure. */
import type { ClusterScenarioName } from "../cluster/ClusterScenario.js"
import { clusterFallbacks, clusterFlags } from "../cluster/ClusterSettings.js"
import { clusterScenarios } from "../cluster/registry.js"

const nameWidth = 14

/** One line each, for the list of all scenarios. */
export const clusterSummaries = (): readonly string[] =>
  Object.values(clusterScenarios).map(({ name, summary }) => line(name, summary))

export const clusterHelpText = (scenario: ClusterScenarioName): string => {
  const { summary, reads } = clusterScenarios[scenario]
  return [
    `npm run bench -- ${scenario} [flags]`,
    "",
    `  ${summary}`,
    "",
    "Flags",
    ...reads.map((name) => {
      const { flag, help, fallback, kind } = clusterFlags[name]
      const value = `${clusterFallbacks[scenario][name] ?? fallback}`
      return line(`--${flag}`, `${help} (default ${value}${kind === "duration" ? "s" : ""})`)
    }),
    line("--dir", "parent of the data directories (default: the system's temporary directory)"),
    line("--json F", "writes the report as JSON"),
    line("--chart F", "writes throughput and p99 over time as SVG"),
    "",
    "Exit codes: 0 done, 1 it could not be measured, 2 wrong usage, 130 interrupted.",
  ].join("\n")
}

const line = (name: string, text: string): string => `  ${name.padEnd(nameWidth)}${text}`
