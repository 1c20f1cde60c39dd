/** Numbers as people read them. Pure; the same on every locale. */

/** `1,234,567`; "-" for what was not measured. */
export const rateText = (value: number | null | undefined): string =>
  value === null || value === undefined || !Number.isFinite(value)
    ? "-"
    : String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",")

/** Three significant digits without an exponent: `0.36`, `12.4`, `1,830`. */
export const msText = (value: number | null | undefined): string => {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-"
  if (value >= 1000) return rateText(value)
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export const ratioText = (value: number | null | undefined): string =>
  value === null || value === undefined ? "-" : `${value.toFixed(2)} x`

/** `1:05`. */
export const durationText = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
}
