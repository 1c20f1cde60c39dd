/** The known word that a mistyped one most likely meant. Pure. */

/** Undefined when nothing is near enough to be a help. */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  const ranked = known
    .map((one) => ({ one, distance: editDistance(word, one) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best && best.distance <= Math.max(2, Math.floor(word.length / 2)) ? best.one : undefined
}

/** ` Did you mean X?`, or nothing. */
export const didYouMean = (word: string, known: readonly string[], prefix = ""): string => {
  const best = nearest(word, known)
  return best === undefined ? "" : ` Did you mean ${prefix}${best}?`
}

/** Levenshtein's distance by the two-row method. */
const editDistance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1
      current.push(
        Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + same),
      )
    }
    previous = current
  }
  return previous[b.length]!
}
