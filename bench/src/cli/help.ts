/** The text of `--help`. Pure. */

import { peerNames, systemNames } from "../System.js"
import { scenarios } from "../scenarios/registry.js"
import { fallbacks, type NumberSetting, numberFlags } from "../scenarios/Settings.js"
import { clusterSummaries } from "./clusterHelp.js"

const nameWidth = 14

export const helpText = (): string =>
  [
    "npm run bench -- SCENARIO [flags]",
    "",
    "Scenarios",
    ...Object.values(scenarios).map(({ name, summary }) => line(name, summary)),
    "",
    "Scenarios of a cluster, of Skein alone (SCENARIO --help tells their flags)",
    ...clusterSummaries(),
    "",
    "Flags",
    ...(Object.keys(numberFlags) as NumberSetting[]).map(flagLine),
    line("--await", "each producer awaits its batch before the next (instead of --window)"),
    line("--peers", `${peerNames.join(",")} or all: measured in turns with skein and bare-loop`),
    line("--systems", `exactly these: ${systemNames.join(",")}`),
    line("--dir", "parent of the data directories (default: the system's temporary directory)"),
    line("--json F", "writes the report as JSON"),
    line("--chart F", "writes the report as SVG"),
    "",
    "The first system is the base of the ratios. Exit codes: 0 done, 1 a system failed or none",
    "could be measured, 2 wrong usage, 130 interrupted.",
  ].join("\n")

const flagLine = (name: NumberSetting): string => {
  const { help, fallback } = numberFlags[name]
  const special = Object.entries(fallbacks).flatMap(([scenario, settings]) =>
    settings[name] === undefined ? [] : [`${scenario} ${settings[name]}`],
  )
  return line(`--${name}`, `${help} (default ${[fallback, ...special].join(", ")})`)
}

const line = (name: string, text: string): string => `  ${name.padEnd(nameWidth)}${text}`
