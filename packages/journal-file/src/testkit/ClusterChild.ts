/**
 * A node process on a shared directory, for tests: it says what it sees of the others every few
 * milliseconds, and does what it is asked: `tell`, `read`, `replace`, `listen`, `close`.
 */
import { isSkeinError } from "@skein/model"
import { openFileJournal } from "../openFileJournal.js"

/** An answer carries the number of its question. */
export interface Question {
  readonly number: number
  readonly what: "close" | "listen" | "read" | "replace" | "tell"
  readonly change?: { readonly address?: string; readonly state?: "leaving" | "serving" }
  readonly after?: number
  readonly text?: string
}

const [dir, nodeName, mode] = process.argv.slice(2)
const say = (message: object): void => {
  process.send?.(message)
}

const answer = async (question: Question): Promise<unknown> => {
  switch (question.what) {
    case "tell":
      return journal.membership.tell(question.change ?? {})
    case "read": {
      const stored = await journal.tables.read()
      return stored && { version: stored.version, text: Buffer.from(stored.bytes).toString() }
    }
    case "replace":
      return journal.tables.replace(question.after ?? 0, Buffer.from(question.text ?? ""))
    case "listen":
      return void journal.tables.onChange(() => say({ changed: true }))
    case "close":
      return journal.close()
  }
}

const open = async () => {
  try {
    return await openFileJournal({
      dir,
      nodeName,
      shards: 2,
      segmentBytes: 256 * 1024,
      shared: mode === "shared",
    })
  } catch (error) {
    const { _tag: tag, data } = isSkeinError(error) ? error : { _tag: String(error), data: {} }
    say({ refused: { tag, data } })
    process.disconnect?.()
    return process.exit(1)
  }
}

const journal = await open()
const { instance, fabricId, membership } = journal
say({ ready: { instance, fabricId }, nodes: membership.nodes() })
setInterval(() => say({ nodes: membership.nodes() }), 10)
process.on("message", (question: Question) => {
  void answer(question).then((value) => {
    say({ number: question.number, value })
    if (question.what === "close") process.exit(0)
  })
})
