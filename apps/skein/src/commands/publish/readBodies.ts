/**
 * Owns: where bodies come from: the arguments, or a file or standard input as a whole; line by line
 * is lineBodies.ts. Batches have a bounded size: memory holds one, whatever the file's size.
 */
import { createReadStream, fstatSync, openSync } from "node:fs"
import { limits } from "@skein/model"
import { UsageError } from "../../arguments/UsageError.js"

export interface Bodies {
  readonly bodies: readonly Buffer[]
  /** How much of the input was read, from 0 to 1, if that can be known. */
  readonly part?: number
}

export const batchMessagesMax = 1_024
export const batchBytesMax = 1024 * 1024

/** Batches of the given texts. */
export async function* bodiesOfTexts(texts: readonly string[]): AsyncGenerator<Bodies> {
  for (let at = 0; at < texts.length; at += batchMessagesMax) {
    const some = texts.slice(at, at + batchMessagesMax)
    yield {
      bodies: some.map((text) => Buffer.from(text, "utf8")),
      part: (at + some.length) / texts.length,
    }
  }
}

export interface Input {
  readonly chunks: AsyncIterable<Buffer>
  readonly bytes?: number
}

/** Opens `path`, or standard input for `-`. Throws UsageError. */
export const openInput = (path: string): Input => {
  if (path === "-") return { chunks: process.stdin }
  try {
    const fd = openSync(path, "r")
    const stat = fstatSync(fd)
    if (stat.isDirectory()) throw new UsageError(`--file ${path} is a directory.`)
    const chunks = createReadStream(path, { fd, highWaterMark: 256 * 1024 })
    return { chunks, ...(stat.isFile() && { bytes: stat.size }) }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "?"
    throw new UsageError(
      code === "ENOENT" ? `--file ${path} does not exist.` : `--file ${path}: ${code}.`,
    )
  }
}

/**
 * All of the input as one body. Throws UsageError when it is larger than any body may be, or empty
 * although nobody named the input: then a program that writes nothing is likelier than a message.
 */
export async function* wholeBody(input: Input, isNamed: boolean): AsyncGenerator<Bodies> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of input.chunks) {
    bytes += chunk.length
    if (bytes > limits.bodyBytesMax) throw tooLarge("the input")
    parts.push(chunk)
  }
  if (bytes === 0 && !isNamed) {
    throw new UsageError(
      "there is nothing to publish: standard input is empty.",
      "Give BODY or --file FILE; --file - publishes standard input even when it is empty.",
    )
  }
  yield { bodies: [Buffer.concat(parts)], part: 1 }
}

/** Refuses what no body may hold. */
export const tooLarge = (what: string): UsageError =>
  new UsageError(
    `${what} has more than ${limits.bodyBytesMax} bytes, the most a body may have.`,
    "With --lines each line is a message of its own.",
  )
