/**
 * Owns: where bodies come from: the arguments, a file or standard input, whole or line by line, in
 * batches of bounded size. Memory holds one batch, whatever the file's size.
 */
import { createReadStream, fstatSync, openSync } from "node:fs"
import { limits } from "@skein/model"
import { UsageError } from "../../arguments/UsageError.js"

export interface Bodies {
  readonly bodies: readonly Buffer[]
  /** How much of the input was read, from 0 to 1, if that can be known. */
  readonly part?: number
}

const batchMessagesMax = 1_024
const batchBytesMax = 1024 * 1024

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

/** All of the input as one body. Throws UsageError when it is larger than any body may be. */
export async function* wholeBody(input: Input): AsyncGenerator<Bodies> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of input.chunks) {
    bytes += chunk.length
    if (bytes > limits.bodyBytesMax) throw tooLarge("the input")
    parts.push(chunk)
  }
  yield { bodies: [Buffer.concat(parts)], part: 1 }
}

/**
 * A body for each line, without its line end (LF or CRLF); an empty line is an empty body, a last
 * line without an end counts.
 */
export async function* lineBodies(input: Input): AsyncGenerator<Bodies> {
  let bodies: Buffer[] = []
  let batchBytes = 0
  let read = 0
  let number = 1
  let rest: Buffer[] = []
  let restBytes = 0
  const batch = (): Bodies => {
    const done = { bodies, ...(input.bytes && { part: Math.min(1, read / input.bytes) }) }
    bodies = []
    batchBytes = 0
    return done
  }
  const add = (line: Buffer): void => {
    const body = line.at(-1) === 13 ? line.subarray(0, -1) : line
    bodies.push(body)
    batchBytes += body.length
    number += 1
  }
  for await (const chunk of input.chunks) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      rest.push(chunk.subarray(from, end))
      add(rest.length === 1 ? rest[0] : Buffer.concat(rest))
      rest = []
      restBytes = 0
      from = end + 1
      if (bodies.length >= batchMessagesMax || batchBytes >= batchBytesMax) {
        yield batch()
      }
    }
    if (from < chunk.length) rest.push(chunk.subarray(from))
    restBytes += chunk.length - from
    if (restBytes > limits.bodyBytesMax) throw tooLarge(`line ${number}`)
    read += chunk.length
  }
  if (restBytes > 0) add(Buffer.concat(rest))
  if (bodies.length > 0) yield batch()
}

const tooLarge = (what: string): UsageError =>
  new UsageError(
    `${what} has more than ${limits.bodyBytesMax} bytes, the most a body may have.`,
    "With --lines each line is a message of its own.",
  )
