/**
 * Owns: the kinds of values that flags, variables and config keys take, and how text becomes one:
 * strict, with units, and a message that says what would be right.
 */

export type ValueKind =
  | { readonly kind: "text"; readonly placeholder: string; readonly charsMax?: number }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  /** Held in milliseconds. */
  | { readonly kind: "duration"; readonly minMs: number; readonly maxMs: number }
  /** Held in bytes. */
  | { readonly kind: "bytes"; readonly min: number; readonly max: number }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  /** `name=value`, held as it was given. */
  | { readonly kind: "pair" }
  /** `host:port`. */
  | { readonly kind: "address" }
  | { readonly kind: "switch" }

export type Value = boolean | number | string

export type ParsedValue = { readonly value: Value } | { readonly problem: string }

/** Reads a value; the problem completes the sentence "`--port` …". */
export const parseValue = (kind: ValueKind, text: string): ParsedValue => {
  if (text === "") return { problem: `is empty: it takes ${describeKind(kind)}` }
  switch (kind.kind) {
    case "text":
      return parseText(text, kind.charsMax ?? 4096)
    case "integer":
      return parseInteger(kind, text)
    case "duration":
      return parseScaled(text, durationUnits, kind.minMs, kind.maxMs, showDuration, "30s or 500ms")
    case "bytes":
      return parseScaled(text, byteUnits, kind.min, kind.max, showBytes, "64MiB or 1024B")
    case "choice":
      return kind.choices.includes(text) ? { value: text } : wrong(kind, text)
    case "pair":
      return text.indexOf("=") > 0 ? { value: text } : wrong(kind, text)
    case "address":
      return parseAddress(text)
    case "switch":
      return parseSwitch(text)
  }
}

/** `a whole number from 1 to 1024`: for messages and help. */
export const describeKind = (kind: ValueKind): string => {
  switch (kind.kind) {
    case "text":
      return "a text"
    case "integer":
      return `a whole number from ${kind.min} to ${kind.max}`
    case "duration":
      return `a duration from ${showDuration(kind.minMs)} to ${showDuration(kind.maxMs)}`
    case "bytes":
      return `a size from ${showBytes(kind.min)} to ${showBytes(kind.max)}`
    case "choice":
      return `one of ${kind.choices.join(", ")}`
    case "pair":
      return "NAME=VALUE"
    case "address":
      return "an address such as 127.0.0.1:4117"
    case "switch":
      return "true or false"
  }
}

/** `5m`, `1500ms`: the largest unit that states it exactly. */
export const showDuration = (ms: number): string => showScaled(ms, durationUnits)

/** `1MiB`, `1500B`: the largest unit that states it exactly. */
export const showBytes = (bytes: number): string => showScaled(bytes, byteUnits)

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const byteUnits = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 }

type Units = Readonly<Record<string, number>>

const wrong = (kind: ValueKind, text: string): ParsedValue => ({
  problem: `is ${quote(text)}: it takes ${describeKind(kind)}`,
})

/** Text of others inside a message of ours: short, and without control characters. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

const parseText = (text: string, charsMax: number): ParsedValue => {
  if (text.length > charsMax) return { problem: `is longer than ${charsMax} characters` }
  return text.includes("\0") ? { problem: "holds a NUL character" } : { value: text }
}

const parseInteger = (
  kind: { readonly kind: "integer"; readonly min: number; readonly max: number },
  text: string,
): ParsedValue => {
  if (!/^-?\d{1,16}$/.test(text)) return wrong(kind, text)
  const value = Number(text)
  return value >= kind.min && value <= kind.max ? { value } : wrong(kind, text)
}

const parseScaled = (
  text: string,
  units: Units,
  min: number,
  max: number,
  show: (value: number) => string,
  example: string,
): ParsedValue => {
  const match = /^(-?\d{1,16}(?:\.\d{1,6})?)\s?([A-Za-z]*)$/.exec(text)
  const names = Object.keys(units).join(", ")
  if (match === null) {
    return { problem: `is ${quote(text)}: it takes a number with a unit, such as ${example}` }
  }
  const [, digits, unit] = match
  if (unit === "") return { problem: `is ${quote(text)}, without a unit: write ${example}` }
  if (!Object.hasOwn(units, unit)) {
    return { problem: `is ${quote(text)}: the unit is one of ${names}` }
  }
  const value = Number(digits) * units[unit]
  if (!Number.isSafeInteger(value)) return { problem: `is ${quote(text)}: not a whole number` }
  if (value >= min && value <= max) return { value }
  return { problem: `is ${quote(text)}: it lies from ${show(min)} to ${show(max)}` }
}

const parseAddress = (text: string): ParsedValue => {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match !== null && port >= 1 && port <= 65_535) return { value: text }
  return wrong({ kind: "address" }, text)
}

const parseSwitch = (text: string): ParsedValue => {
  if (text === "true" || text === "1") return { value: true }
  if (text === "false" || text === "0") return { value: false }
  return wrong({ kind: "switch" }, text)
}

const showScaled = (value: number, units: Units): string => {
  const descending = Object.entries(units).reverse()
  for (const [unit, size] of descending) {
    if (value >= size && value % size === 0) return `${value / size}${unit}`
  }
  return `${value}${descending.at(-1)?.[0] ?? ""}`
}
