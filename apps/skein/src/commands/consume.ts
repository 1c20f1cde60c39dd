/**
 * Owns: `skein consume`: writes messages to standard output, and acknowledges them only when they
 * are written. Without --ack nothing is settled: what was shown goes back when the command ends,
 * which bounds how much it shows and is why --follow asks for --ack.
 */
import type { Batch, Consumer, Message } from "@skein/client"
import { isSkeinError } from "@skein/model"
import { UsageError } from "../arguments/UsageError.js"
import { exitCodes } from "../exitCodes.js"
import { showCount, showMessages } from "../output/figures.js"
import { Progress } from "../output/Progress.js"
import { safeText } from "../output/safeText.js"
import { type CommandContext, type Connected, isJson, type RunCommand } from "./CommandContext.js"
import { bodyLine, readable } from "./messageText.js"

/** Shown and not settled: what one consumer may hold. */
const heldMessagesMax = 32_768
const prefetchMessagesMax = 4_096
/** Batches whose acks may be unconfirmed at once. */
const acksInFlightMax = 8
/** How long nothing must come before the queue is asked whether it is empty. */
const quietMs = 250

export const run: RunCommand = (context) => {
  const plan = planOf(context)
  return context.connected(async (connected) => {
    const [name = ""] = context.invocation.args
    const queue = connected.client.queue(connected.Queue.any(name))
    const prefetchMessages = Math.min(plan.messagesMax, prefetchMessagesMax)
    const consumer = await queue.consume({ ...connected.call, prefetchMessages })
    const output = new Output(context, plan)
    try {
      await consumeAll(context, connected, consumer, output)
    } finally {
      output.end()
      await output.acked()
      await consumer.close({ timeoutMs: context.settings.timeout })
    }
    if (!isJson(context)) context.terminal.err(`${output.summary()}\n`)
    return context.signal.aborted && !plan.follow ? exitCodes.interrupted : undefined
  })
}

interface Plan {
  readonly messagesMax: number
  readonly follow: boolean
  readonly ack: boolean
  /** Bytes as they are, without line ends. */
  readonly raw: boolean
}

const planOf = (context: CommandContext): Plan => {
  const { invocation } = context
  const raw = invocation.isOn("raw")
  if (raw && isJson(context))
    throw new UsageError("--raw writes bytes: it does without --output json.")
  const ack = invocation.isOn("ack")
  const follow = invocation.isOn("follow")
  const count = invocation.number("count")
  if (follow && !ack) {
    throw new UsageError(
      "--follow needs --ack: what is shown and not acknowledged comes back, again and again.",
      "Add --ack, or look without taking: skein queue peek.",
    )
  }
  if (!ack && count !== undefined && count > heldMessagesMax) {
    throw new UsageError(`--count is at most ${heldMessagesMax} without --ack.`)
  }
  const messagesMax = count ?? (ack ? Number.POSITIVE_INFINITY : heldMessagesMax)
  return { messagesMax, follow, ack, raw }
}

const consumeAll = async (
  context: CommandContext,
  connected: Connected,
  consumer: Consumer<unknown>,
  output: Output,
): Promise<void> => {
  while (!output.isFull && !context.signal.aborted) {
    const batch = await nextBatch(context, connected, consumer, output.plan.follow)
    if (batch === undefined) return
    await output.write(batch)
  }
}

/** `undefined`: Ctrl-C, or the queue is empty and nobody wants to follow it. */
const nextBatch = async (
  context: CommandContext,
  { client, call }: Connected,
  consumer: Consumer<unknown>,
  follow: boolean,
): Promise<Batch<unknown> | undefined> => {
  let sawEmpty = false
  while (true) {
    const batch = await quietTake(consumer, context.signal)
    if (batch !== "quiet") return batch
    if (follow) continue
    // Empty twice with a wait between: what was on its way to us meanwhile has arrived.
    if (sawEmpty) return undefined
    const { counts } = await client.show(context.invocation.args[0] ?? "", call)
    sawEmpty = counts.ready === 0
  }
}

const quietTake = async (
  consumer: Consumer<unknown>,
  signal: AbortSignal,
): Promise<Batch<unknown> | "quiet" | undefined> => {
  try {
    return await consumer.take({ timeoutMs: quietMs, signal })
  } catch (cause) {
    if (isSkeinError(cause) && cause._tag === "TimedOut") return "quiet"
    if (signal.aborted) return undefined
    throw cause
  }
}

const bytesOf = (message: Message<unknown>): Uint8Array | undefined => {
  try {
    return message.value instanceof Uint8Array ? message.value : undefined
  } catch (cause) {
    if (isSkeinError(cause)) return undefined
    throw cause
  }
}

/** The bytes of a binary message; of another what would be its line. */
const rawBody = (message: Message<unknown>): Uint8Array => {
  const bytes = bytesOf(message)
  if (bytes !== undefined) return bytes
  return Buffer.from(bodyLine(readable(message.body, () => message.value)))
}

/** Writes batches, acknowledges what was written, and counts. */
class Output {
  #shown = 0
  #lost = 0
  readonly #acks: Promise<unknown>[] = []
  readonly #progress: Progress

  constructor(
    private readonly context: CommandContext,
    readonly plan: Plan,
  ) {
    const { terminal, nowMs } = context
    const isOn = terminal.errIsTty && !terminal.outIsTty
    this.#progress = new Progress(terminal, { label: "consumed", isOn, nowMs })
  }

  get isFull(): boolean {
    return this.#shown >= this.plan.messagesMax
  }

  async write(batch: Batch<unknown>): Promise<void> {
    const wanted = this.plan.messagesMax - this.#shown
    const isWhole = batch.size <= wanted
    const messages = isWhole ? batch.messages : batch.messages.slice(0, wanted)
    const { terminal } = this.context
    if (this.plan.raw) await terminal.out(Buffer.concat(messages.map(rawBody)))
    else await terminal.out(messages.map((message) => this.#line(message)).join(""))
    this.#shown += messages.length
    this.#progress.step(messages.length, this.#part())
    if (!this.plan.ack) return
    if (isWhole) {
      const all = batch.ack().then(({ lost }) => {
        this.#lost += lost.length
      })
      await this.#track(all)
    } else await this.#track(Promise.all(messages.map((message) => this.#ackOne(message))))
  }

  /** When every ack is confirmed. Rejects with the first that failed. */
  async acked(): Promise<void> {
    await Promise.all(this.#acks.splice(0))
  }

  end(): void {
    this.#progress.end()
  }

  summary(): string {
    const how = this.plan.ack ? "acknowledged" : "left in the queue"
    const lost =
      this.#lost === 0
        ? ""
        : `; the lease of ${showCount(this.#lost)} had run out: they are delivered again`
    const held = !this.plan.ack && this.#shown === heldMessagesMax
    const more = held ? `; without --ack it shows at most ${showCount(heldMessagesMax)}` : ""
    return `${showMessages(this.#shown)}, ${how}${lost}${more}`
  }

  async #track(ack: Promise<unknown>): Promise<void> {
    // Looked at when it is shifted or at the end; until then it is nobody's unhandled rejection.
    ack.catch(() => {})
    this.#acks.push(ack)
    if (this.#acks.length > acksInFlightMax) await this.#acks.shift()
  }

  async #ackOne(message: Message<unknown>): Promise<void> {
    try {
      await message.ack()
    } catch (cause) {
      if (!isSkeinError(cause) || cause._tag !== "LeaseLost") throw cause
      this.#lost += 1
    }
  }

  #part(): number | undefined {
    const { messagesMax } = this.plan
    return Number.isFinite(messagesMax) ? this.#shown / messagesMax : undefined
  }

  #line(message: Message<unknown>): string {
    const body = readable(message.body, () => message.value)
    if (!isJson(this.context)) {
      const line = bodyLine(body)
      return `${this.context.terminal.outIsTty ? safeText(line) : line}\n`
    }
    const { sequence, key, redelivered, failed, returned } = message
    const headers = readable(message.body, () => message.headers)
    const counts = { redelivered, failed, returned }
    const row = { sequence, ...(key !== undefined && { key }), headers, ...counts, body }
    return `${JSON.stringify(row)}\n`
  }
}
