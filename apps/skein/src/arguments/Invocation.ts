/** Owns: a command line that was understood: which command, with which values. */
import type { CommandSpec } from "../grammar/Grammar.js"
import type { Value } from "../grammar/ValueKind.js"

export class Invocation {
  constructor(
    readonly command: CommandSpec,
    /** `["queue", "show"]`. */
    readonly path: readonly string[],
    readonly options: ReadonlyMap<string, readonly Value[]>,
    readonly args: readonly string[],
  ) {}

  isOn(name: string): boolean {
    return this.options.get(name)?.[0] === true
  }

  text(name: string): string | undefined {
    const value = this.options.get(name)?.[0]
    return value === undefined ? undefined : String(value)
  }

  /** A whole number, milliseconds or bytes, as the option's kind says. */
  number(name: string): number | undefined {
    const value = this.options.get(name)?.[0]
    return typeof value === "number" ? value : undefined
  }

  texts(name: string): readonly string[] {
    return (this.options.get(name) ?? []).map(String)
  }
}
