/**
 * Owns: `skein publish`: reads bodies, publishes them in order with several batches in flight, and
 * says how many were confirmed, also when it ends early.
 */
import type { MessageOptions, Published, QueueHandle } from "@skein/client"
import { systemClock } from "@skein/journal"
import { isSkeinError } from "@skein/model"
import { UsageError } from "../arguments/UsageError.js"
import { exitCodes } from "../exitCodes.js"
import { showCount, showMessages, showTime } from "../output/figures.js"
import { Progress } from "../output/Progress.js"
import { type CommandContext, isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { KeyRegexp } from "./publish/KeyRegexp.js"
import { lineBodies } from "./publish/lineBodies.js"
import { type Bodies, bodiesOfTexts, openInput, wholeBody } from "./publish/readBodies.js"
import { untilAborted } from "./untilAborted.js"

/** Batches that may be unconfirmed at once. */
const batchesInFlightMax = 8

export const run: RunCommand = async (context) => {
  const plan = planOf(context)
  const tally = new Tally(context)
  return context.connected(async ({ client, Queue }) => {
    const [name = ""] = context.invocation.args
    const queue = client.queue(Queue.any(name))
    // Tells a missing queue before anything is read.
    await queue.info({ timeoutMs: context.settings.timeout, signal: context.signal })
    try {
      await publishAll(context, plan, queue, tally)
    } catch (cause) {
      tally.end()
      if (!isJson(context)) context.terminal.err(`${tally.text()}\n`)
      throw cause
    }
    tally.end()
    if (isJson(context)) await writeJson(context, tally.json())
    else await context.terminal.out(`${tally.text()}\n`)
    return context.signal.aborted ? exitCodes.interrupted : undefined
  })
}

interface Plan {
  /** Ends at Ctrl-C. */
  readonly batches: AsyncIterable<Bodies>
  readonly asJson: boolean
  readonly keys: KeyRegexp | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly dedupId: string | undefined
}

const planOf = ({ invocation, terminal, signal }: CommandContext): Plan => {
  const texts = invocation.args.slice(1)
  const file = invocation.text("file")
  const isLines = invocation.isOn("lines")
  if (texts.length > 0 && (file !== undefined || isLines)) {
    throw new UsageError("give either BODY or --file, and --lines with a file only.")
  }
  if (texts.length === 0 && file === undefined && terminal.inIsTty) {
    throw new UsageError("there is nothing to publish: give BODY, --file FILE or a pipe.")
  }
  const dedupId = invocation.text("dedup-id")
  if (dedupId !== undefined && (isLines || texts.length > 1)) {
    throw new UsageError("--dedup-id is for one message: give one BODY, or a file without --lines.")
  }
  const expression = invocation.text("key-regexp")
  const plan = {
    asJson: invocation.isOn("json"),
    keys: expression === undefined ? undefined : new KeyRegexp(expression),
    headers: headersOf(invocation.texts("header")),
    dedupId,
  }
  if (texts.length > 0) return { ...plan, batches: untilAborted(bodiesOfTexts(texts), signal) }
  const input = openInput(file ?? "-")
  if (isLines) return { ...plan, batches: lineBodies(input, { signal, clock: systemClock }) }
  return { ...plan, batches: untilAborted(wholeBody(input, file !== undefined), signal) }
}

const headersOf = (pairs: readonly string[]): Readonly<Record<string, string>> | undefined => {
  if (pairs.length === 0) return undefined
  const headers = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf("=")
    const name = pair.slice(0, at)
    if (headers.has(name)) throw new UsageError(`--header ${name} is given twice.`)
    headers.set(name, pair.slice(at + 1))
  }
  return Object.fromEntries(headers)
}

const publishAll = async (
  context: CommandContext,
  plan: Plan,
  queue: QueueHandle<unknown>,
  tally: Tally,
): Promise<void> => {
  const inFlight: Promise<void>[] = []
  let read = 0
  try {
    for await (const { bodies, part } of plan.batches) {
      const texts = bodies.map(textOf)
      const keys = plan.keys?.keysOf(texts, read + 1)
      tally.unmatched += keys?.filter((key) => key === undefined).length ?? 0
      const values = bodies.map((bytes, at) => payloadOf(plan, bytes, texts[at], read + at + 1))
      const each = (_: unknown, at: number): MessageOptions => columnsOf(plan, keys?.[at])
      const options = { timeoutMs: context.settings.timeout, each }
      const sent = queue.publishMany(values, options).then(
        (results) => tally.add(results, part),
        (cause: unknown) => {
          if (!isOfBody(cause)) tally.unsure += bodies.length
          throw cause
        },
      )
      // Looked at below, in order; until then a failure is nobody's unhandled rejection.
      sent.catch(() => {})
      inFlight.push(sent)
      read += bodies.length
      if (inFlight.length >= batchesInFlightMax) await inFlight.shift()
    }
  } finally {
    // What was sent is waited for, also after Ctrl-C: the summary counts what is confirmed.
    const ends = await Promise.allSettled(inFlight)
    const failed = ends.find((end) => end.status === "rejected")
    if (failed?.status === "rejected") tally.failure = failed.reason
  }
  if (tally.failure !== undefined) throw tally.failure
}

/** Found before anything of its batch was sent. */
const isOfBody = (cause: unknown): boolean =>
  isSkeinError(cause) && (cause._tag === "BodyTooLarge" || cause._tag === "PayloadInvalid")

const columnsOf = ({ headers, dedupId }: Plan, key: string | undefined): MessageOptions => ({
  ...(dedupId !== undefined && { dedupId }),
  ...(headers !== undefined && { headers }),
  ...(key !== undefined && key !== "" && { key }),
})

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** `undefined`: the bytes are no UTF-8. */
const textOf = (bytes: Buffer): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** A text, a JSON value with --json, or the bytes as they are when they are no UTF-8. */
const payloadOf = (
  plan: Plan,
  bytes: Buffer,
  text: string | undefined,
  number: number,
): unknown => {
  if (!plan.asJson) return text ?? bytes
  try {
    return JSON.parse(text ?? "")
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : ""
    throw new UsageError(`message ${number} is not JSON: ${why}.`, "Without --json it is a text.")
  }
}

class Tally {
  published = 0
  duplicates = 0
  unmatched = 0
  /** Of batches that failed: some of them may be stored. */
  unsure = 0
  failure: unknown
  readonly #progress: Progress
  readonly #startedMs: number

  constructor(private readonly context: CommandContext) {
    const { terminal, nowMs } = context
    this.#startedMs = nowMs()
    const isOn = terminal.errIsTty && !isJson(context)
    this.#progress = new Progress(terminal, { label: "published", isOn, nowMs })
  }

  add(results: readonly Published[], part: number | undefined): void {
    this.published += results.length
    this.duplicates += results.filter(({ duplicate }) => duplicate).length
    this.#progress.step(results.length, part)
  }

  end(): void {
    this.#progress.end()
  }

  json() {
    const { published, duplicates, unmatched, unsure, context } = this
    const ms = Math.round(context.nowMs() - this.#startedMs)
    return { queue: context.invocation.args[0], published, duplicates, unmatched, unsure, ms }
  }

  text(): string {
    const { queue, published, duplicates, unmatched, unsure, ms } = this.json()
    const rate = published > 1 && ms >= 1000 ? ` in ${showTime(ms)}` : ""
    const more = unmatched === 0 ? "" : ` (${showCount(unmatched)} without a key)`
    const before = duplicates === 0 ? "" : " (it was there before)"
    const rest = unsure === 0 ? "" : `; of the next ${showCount(unsure)} some may be stored`
    return `published ${showMessages(published)} to ${queue}${rate}${more}${before}${rest}`
  }
}
