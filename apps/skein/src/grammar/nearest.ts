/** Owns: which known name somebody may have meant. */

/** The known name nearest to `given`, or `undefined` when none is near enough to be a slip. */
export const nearest = (given: string, known: Iterable<string>): string | undefined => {
  const wanted = fold(given.slice(0, givenCharsMax))
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const name of known) {
    const distance = slips(wanted, fold(name))
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** ` Did you mean 'x'?`, or nothing. */
export const hint = (given: string, known: Iterable<string>, prefix = ""): string => {
  const name = nearest(given, known)
  return name === undefined ? "" : ` Did you mean '${prefix}${name}'?`
}

/** Longer input is not worth comparing: the cost is the product of the lengths. */
const givenCharsMax = 64

// Case and separators are no slips: maxMessages, max-messages and MAX_MESSAGES are one name.
const fold = (name: string): string => name.toLowerCase().replaceAll(/[-_. ]/g, "")

/**
 * Optimal string alignment distance: insertions, deletions, changes, and swaps of neighbours.
 * Source: L. Boytsov, Indexing methods for approximate dictionary searching, 2011, section 2.
 */
const slips = (a: string, b: string): number => {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + changed)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j], before[j - 2] + 1)
    }
    before = above
    above = row
  }
  return above[b.length]
}
