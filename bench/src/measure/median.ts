/** Median and ratios: the only statistics that a table of the bench shows. Pure. */

/** Middle value; mean of the two middle ones for an even count; NaN for none. */
export const median = (values: readonly number[]): number => {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** a / b, or null when it says nothing (nothing measured, or a rate of zero). */
export const ratio = (a: number | null, b: number | null): number | null =>
  a === null || b === null || !Number.isFinite(a) || !(b > 0) ? null : a / b
