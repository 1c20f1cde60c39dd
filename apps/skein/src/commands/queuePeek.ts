/** Owns: `skein queue peek`: looks at messages without taking them. */
import type { PeekedMessage } from "@skein/wire"
import { type Column, table } from "../output/table.js"
import { type Connected, isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { bodyLine, readable } from "./messageText.js"

const messagesDefault = 10

interface Row {
  readonly sequence: number
  readonly key?: string
  readonly headers?: unknown
  readonly redelivered: boolean
  readonly failed: number
  readonly returned: number
  readonly body: unknown
}

export const run: RunCommand = (context) =>
  context.connected(async (connected) => {
    const { invocation, terminal } = context
    const [name = ""] = invocation.args
    const from = invocation.number("from")
    const request = {
      name,
      messagesMax: invocation.number("count") ?? messagesDefault,
      ...(from !== undefined && { from }),
    }
    const peeked = await connected.client.peek(request, connected.call)
    const { decode } = connected.Queue.any(name)
    const rows = peeked.map((message) => rowOf(message, decode))
    if (isJson(context)) await writeJson(context, rows)
    else if (rows.length > 0) await terminal.out(table(terminal, columns, rows))
    else terminal.err("no messages\n")
    return undefined
  })

const columns: readonly Column<Row>[] = [
  { title: "SEQUENCE", align: "right", cell: ({ sequence }) => String(sequence) },
  { title: "KEY", cell: ({ key = "" }) => key },
  { title: "REDELIVERED", cell: ({ redelivered }) => (redelivered ? "yes" : "") },
  { title: "FAILED", align: "right", cell: ({ failed }) => (failed === 0 ? "" : String(failed)) },
  { title: "BODY", cell: ({ body }) => shorten(bodyLine(body)) },
]

const bodyCharsMax = 100

const shorten = (text: string): string =>
  text.length > bodyCharsMax ? `${text.slice(0, bodyCharsMax)}…` : text

type Decode = ReturnType<Connected["Queue"]["any"]>["decode"]

const rowOf = (message: PeekedMessage, decode: Decode): Row => {
  const { sequence, key, headers, redelivered, failed, returned, body } = message
  return {
    sequence,
    ...(key !== undefined && { key: Buffer.from(key).toString("utf8") }),
    ...(headers !== undefined && { headers: readable(headers, () => decode(headers)) }),
    redelivered,
    failed,
    returned,
    body: readable(body, () => decode(body)),
  }
}
