/** The body of a test message: its id, a newline, and the line of the log. */

export const makeBody = (id: string, line: string): Uint8Array => Buffer.from(`${id}\n${line}`)

/** The id in a body; of a mangled body whatever stands there, which no publish will match. */
export const readBodyId = (body: Uint8Array): string => {
  const head = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, 256))
  const end = head.indexOf(10)
  return head.toString("utf8", 0, end < 0 ? head.length : end)
}
