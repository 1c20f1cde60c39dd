/** Finds the report in a command's output. Pure. */

/**
 * The last line that holds a JSON object; else the whole text from its first `{` (a report over
 * several lines). Throws when there is none, with the end of the text.
 */
export const lastJson = <T>(output: string): T => {
  const lines = output.trimEnd().split("\n").reverse()
  const single = lines.map((line) => line.trim()).find((line) => /^\{.+\}$/.test(line))
  const candidates = [single, output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)]
  for (const candidate of candidates) {
    try {
      if (candidate) return JSON.parse(candidate) as T
    } catch {
      // Not this one: the text may only look like JSON.
    }
  }
  throw new Error(`no JSON report in the output, which ends with: ${lines.slice(0, 3).join(" | ")}`)
}
