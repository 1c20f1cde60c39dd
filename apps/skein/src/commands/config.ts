/** Owns: `skein config`: each setting with its value and its source. */
import { type ResolvedSetting, showSetting, strayVariables } from "../config/resolveSettings.js"
import { settingTable } from "../config/settings.js"
import { type Column, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = async (context) => {
  const { resolved, env, terminal } = context
  for (const stray of strayVariables(env)) terminal.err(`${terminal.paintErr("yellow", stray)}\n`)
  if (isJson(context)) {
    const rows = resolved.map((setting) => ({
      key: setting.key,
      value: masked(setting),
      source: setting.source,
    }))
    await writeJson(context, rows)
  } else await terminal.out(table(terminal, columns, resolved))
  return undefined
}

const masked = (setting: ResolvedSetting) =>
  setting.value !== undefined && settingTable[setting.key].secret === true
    ? showSetting(setting)
    : (setting.value ?? null)

const columns: readonly Column<ResolvedSetting>[] = [
  { title: "SETTING", cell: ({ key }) => key },
  { title: "VALUE", cell: showSetting },
  { title: "SOURCE", cell: ({ source }) => source },
]
