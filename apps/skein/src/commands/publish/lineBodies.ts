/**
 * Owns: a body for each line of the input, in batches of bounded size. Lines wait for a batch to
 * fill, but no longer than a short linger: those of a slow pipe (`tail -f`) go out as they come.
 *
 * Ctrl-C: reading stops, and the lines that were read are the last batch; a line whose end has not
 * come is not among them, because nobody knows what it would have become.
 */
import { type Clock, limits } from "@skein/model"
import { type Bodies, batchBytesMax, batchMessagesMax, type Input, tooLarge } from "./readBodies.js"

/** How long a line waits for others. */
export const lingerMs = 100

export interface Reading {
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal
  readonly clock: Pick<Clock, "setTimer">
}

/**
 * A body for each line, without its line end (LF or CRLF); an empty line is an empty body, a last
 * line without an end counts.
 */
export async function* lineBodies(
  input: Input,
  { signal, clock }: Reading,
): AsyncGenerator<Bodies> {
  const lines = new Lines(input.bytes)
  const chunks = input.chunks[Symbol.asyncIterator]()
  let isDue = false
  let wake = (): void => {}
  const onAbort = (): void => wake()
  let cancel: (() => void) | undefined
  const onLinger = (): void => {
    cancel = undefined
    isDue = true
    wake()
  }
  signal.addEventListener("abort", onAbort)
  try {
    let next = chunks.next()
    while (!signal.aborted) {
      if (isDue) {
        isDue = false
        if (lines.held > 0) yield lines.batch()
        continue
      }
      const step = await new Promise<IteratorResult<Buffer> | undefined>((resolve, reject) => {
        wake = () => resolve(undefined)
        next.then(resolve, reject)
      })
      if (step === undefined) continue
      if (step.done === true) {
        lines.end()
        break
      }
      yield* lines.add(step.value)
      if (lines.held > 0) cancel ??= clock.setTimer(lingerMs, onLinger)
      next = chunks.next()
      // It may fail while nobody waits for it: after Ctrl-C, or while a batch goes out.
      next.catch(() => {})
    }
    if (lines.held > 0) yield lines.batch()
  } finally {
    cancel?.()
    signal.removeEventListener("abort", onAbort)
    // Not awaited: it would wait for the chunk that does not come.
    void chunks.return?.()?.catch(() => {})
  }
}

/** Lines that were read and not yet given on, and the beginning of the next one. */
class Lines {
  #bodies: Buffer[] = []
  #batchBytes = 0
  #read = 0
  #number = 1
  #rest: Buffer[] = []
  #restBytes = 0

  constructor(private readonly inputBytes: number | undefined) {}

  get held(): number {
    return this.#bodies.length
  }

  /** Takes a chunk; yields each batch that is full. Throws UsageError for an endless line. */
  *add(chunk: Buffer): Generator<Bodies> {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#rest.push(chunk.subarray(from, end))
      this.#endLine()
      from = end + 1
      if (this.held >= batchMessagesMax || this.#batchBytes >= batchBytesMax) yield this.batch()
    }
    if (from < chunk.length) this.#rest.push(chunk.subarray(from))
    this.#restBytes += chunk.length - from
    if (this.#restBytes > limits.bodyBytesMax) throw tooLarge(`line ${this.#number}`)
    this.#read += chunk.length
  }

  /** The input has ended. */
  end(): void {
    if (this.#restBytes > 0) this.#endLine()
  }

  batch(): Bodies {
    const { inputBytes } = this
    const part = inputBytes && { part: Math.min(1, this.#read / inputBytes) }
    const done = { bodies: this.#bodies, ...part }
    this.#bodies = []
    this.#batchBytes = 0
    return done
  }

  #endLine(): void {
    const line = this.#rest.length === 1 ? this.#rest[0] : Buffer.concat(this.#rest)
    const body = line.at(-1) === 13 ? line.subarray(0, -1) : line
    this.#rest = []
    this.#restBytes = 0
    this.#bodies.push(body)
    this.#batchBytes += body.length
    this.#number += 1
  }
}
