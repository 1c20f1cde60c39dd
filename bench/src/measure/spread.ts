/** How evenly work lies on nodes. Pure. */

/**
 * Busiest divided by idlest, as the shard manager counts it; 1 for fewer than two, and for no work
 * at all; infinite when only some have work.
 */
export const spreadOf = (work: readonly number[]): number => {
  if (work.length < 2) return 1
  const most = Math.max(...work)
  return most <= 0 ? 1 : most / Math.min(...work)
}

/** The sum of `amount` by `key`; every one of `keys` is there, with 0 at least. */
export const sumsBy = <T>(
  rows: readonly T[],
  keys: readonly string[],
  key: (row: T) => string,
  amount: (row: T) => number,
): ReadonlyMap<string, number> => {
  const sums = new Map(keys.map((each) => [each, 0]))
  for (const row of rows) sums.set(key(row), (sums.get(key(row)) ?? 0) + amount(row))
  return sums
}

/**
 * When values that were taken at `atMs` came to stay at or below `most`: the time of the first one
 * of that last run; null when the last value is above.
 */
export const settledAtMs = (
  values: readonly { readonly atMs: number; readonly value: number }[],
  most: number,
): number | null => {
  let since: number | null = null
  for (const { atMs, value } of values) {
    if (value > most) since = null
    else since ??= atMs
  }
  return since
}
