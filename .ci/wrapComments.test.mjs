import { describe, expect, it } from "vitest"
import { wrapComments } from "./wrapComments.mjs"

/** Prose of words of nine letters, each with its space ten columns wide. */
const words = (count) => Array.from({ length: count }, () => "wrappable").join(" ")

describe("comments are wrapped", () => {
  it("into the next line of their paragraph, and on from there", () => {
    const text = ` * ${words(10)}\n * ${words(9)}\n * end.\n */`
    expect(wrapComments(text)).toBe(` * ${words(9)}\n * ${words(9)}\n * wrappable end.\n */`)
  })

  it("into a line of their own after a full stop, before an item and at the end", () => {
    expect(wrapComments(`// ${words(10)}.\n// Next.`)).toBe(
      `// ${words(9)}\n// wrappable.\n// Next.`,
    )
    expect(wrapComments(` * - ${words(10)}\n * - item\n */`)).toBe(
      ` * - ${words(9)}\n *   wrappable\n * - item\n */`,
    )
  })

  it("a comment of one line becomes a block", () => {
    expect(wrapComments(`  /** ${words(10)} */`)).toBe(
      `  /**\n   * ${words(9)}\n   * wrappable\n   */`,
    )
    const fits = `/** ${words(9)} 123 */`
    expect(wrapComments(fits)).toBe(fits)
  })

  it("code, drawings and what fits stay as they are", () => {
    const texts = [`const a = "${words(12)}"`, `//   ${words(4)}    ${words(8)}`, `// ${words(9)}`]
    for (const text of texts) expect(wrapComments(text)).toBe(text)
  })
})
