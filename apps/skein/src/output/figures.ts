/** Owns: how numbers are written for people. */

/** `12,345`. */
export const showCount = (count: number): string => count.toLocaleString("en-US")

/** `1 message`, `2,000 messages`. */
export const showMessages = (count: number, kind = ""): string =>
  `${showCount(count)} ${kind}message${count === 1 ? "" : "s"}`

/** `1.5 MiB`: rounded, for reading; config and flags use exact sizes. */
export const showSize = (bytes: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
  let value = bytes
  let at = 0
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024
    at += 1
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`
}

/** `2d 3h`, `4m 5s`, `12s`: the two largest units. */
export const showTime = (ms: number): string => {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const
  let rest = Math.max(0, Math.round(ms / 1000) * 1000)
  const parts: string[] = []
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
  }
  return parts.slice(0, 2).join(" ") || "0s"
}
