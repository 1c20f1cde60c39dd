/** Owns: showing text of others on one line of a terminal, where it can steer nothing. */

/** C0 and C1 controls, line and paragraph separators, and the marks that turn the direction. */
const unsafe = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu

/** `text` with everything that is not plainly visible written as `\n`, `\t` or `\u{1b}`. */
export const safeText = (text: string): string =>
  text.replace(unsafe, (character) => {
    if (character === "\n") return "\\n"
    if (character === "\r") return "\\r"
    if (character === "\t") return "\\t"
    return `\\u{${character.codePointAt(0)?.toString(16) ?? "0"}}`
  })
