/**
 * Owns: the shape of the command line as data. The parser, the help, the completion and the
 * settings all read one table of it (commands.ts).
 */
import type { SettingKey } from "../config/settings.js"
import type { ValueKind } from "./ValueKind.js"

export interface OptionSpec {
  /** Without dashes. */
  readonly name: string
  /** One letter. */
  readonly alias?: string
  readonly value: ValueKind
  readonly help: string
  /** It may be given more than once. */
  readonly repeated?: boolean
  /** It sets this setting, which may also come from the environment or the config file. */
  readonly setting?: SettingKey
}

export interface ArgumentSpec {
  /** In capitals. */
  readonly name: string
  readonly help: string
  readonly count: "any" | "one"
}

export interface CommandSpec {
  readonly name: string
  readonly help: string
  readonly options: readonly OptionSpec[]
  readonly arguments: readonly ArgumentSpec[]
  /** A group has these, and nothing to run itself. */
  readonly commands?: readonly CommandSpec[]
  /** What follows its name is passed on unread. */
  readonly passesOn?: true
}
