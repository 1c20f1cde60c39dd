/**
 * Owns: a cause as one short line for people. Must not know: who shows it.
 * It reads values that foreign code threw, so nothing in them (getters, proxies, control characters
 * meant for a terminal) may harm the reader.
 */
import { Cause, Option } from "effect"
import { supervisionLimits } from "./limits.js"

export const causeText = (cause: Cause.Cause<unknown>): string => {
  const defect = Cause.dieOption(cause)
  if (Option.isSome(defect)) return clip(`defect: ${valueText(defect.value)}`)
  const failure = Cause.failureOption(cause)
  if (Option.isSome(failure)) return clip(valueText(failure.value))
  return Cause.isEmpty(cause) ? "empty cause" : "interrupted"
}

const valueText = (value: unknown): string => {
  try {
    if (typeof value !== "object" || value === null) return String(value)
    const name = "_tag" in value ? value._tag : value instanceof Error ? value.name : undefined
    const message = "message" in value ? value.message : undefined
    const parts = [name, message].filter((part) => typeof part === "string" && part !== "")
    return parts.length > 0 ? parts.join(": ") : "an object without tag or message"
  } catch {
    return "a value that cannot be read"
  }
}

const clip = (text: string): string => {
  // Cut before cleaning: the text may be megabytes long.
  const max = supervisionLimits.causeCharsMax
  const line = text.slice(0, max + 1).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
  return line.length > max ? `${line.slice(0, max - 1)}…` : line
}
