/**
 * Owns: what a queue may be called. Names are safe to print, to log and to use in a URL segment:
 * letters, digits and `. _ - :`, first and last a letter or a digit, at most 255 bytes.
 */
import { Schema } from "effect"
import { limits } from "./limits.js"

const isAlphaNumeric = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)

// "-", ".", ":" and "_"
const isJoiner = (code: number): boolean => code === 45 || code === 46 || code === 58 || code === 95

/** Why `name` cannot be a queue's name, or `undefined` if it can. Linear, no RegExp. */
export const queueNameProblem = (name: string): string | undefined => {
  if (name.length === 0) return "a queue name cannot be empty"
  if (name.length > limits.queueNameBytesMax) {
    return `a queue name has at most ${limits.queueNameBytesMax} bytes`
  }
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (isAlphaNumeric(code)) continue
    if (!isJoiner(code)) {
      return `character ${at + 1} of the name is not a letter, a digit or one of . _ - :`
    }
    if (at === 0 || at === name.length - 1) {
      return "a queue name starts and ends with a letter or a digit"
    }
  }
  return undefined
}

export const QueueName = Schema.String.pipe(
  Schema.filter((name) => queueNameProblem(name) ?? true),
  Schema.brand("QueueName"),
)
export type QueueName = typeof QueueName.Type
