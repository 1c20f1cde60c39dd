/**
 * Owns: reading frames back: from the cache, from a window that was read ahead, or from the file.
 * A frame is checked against its own checksum, key and length every time it comes from the disk.
 */
import type { FrameKey } from "@skein/journal"
import { limits, skeinError } from "@skein/model"
import type { FileHandles } from "./FileHandles.js"
import type { FrameCache } from "./FrameCache.js"
import { frameHeaderBytes, frameIsIntact, readFrameHeader } from "./RecordCodec.js"

interface Window {
  readonly path: string
  readonly start: number
  readonly bytes: Promise<Buffer>
  readonly length: number
  /** What was checked already, by offset: a frame that is delivered in parts is asked for again. */
  readonly frames: Map<number, Uint8Array>
}

const windowsMax = 8

export class FrameReader {
  #windows: Window[] = []

  constructor(
    readonly handles: FileHandles,
    readonly cache: FrameCache,
  ) {}

  /** The frame whose header lies at `offset`. ShardCorrupt when that is not what is there. */
  async read(path: string, offset: number, key: FrameKey, bytes: number): Promise<Uint8Array> {
    // What was read ahead of a file that is still written may be older than the frame: look again.
    for (let attempt = 0; attempt < 2; attempt++) {
      const window = this.#window(path, offset, frameHeaderBytes + bytes)
      const frame = frameIn(window, await window.bytes, offset, key, bytes)
      if (frame !== undefined) return frame
      this.#windows = this.#windows.filter((other) => other.path !== path)
    }
    throw skeinError("ShardCorrupt", `${path} at ${offset}: the frame is damaged`, {
      file: path,
      offset,
    })
  }

  /** The file changes or goes away: what was read ahead of it must not be served. */
  forget(path: string): void {
    this.#windows = this.#windows.filter((window) => window.path !== path)
    this.handles.forget(path)
  }

  #window(path: string, offset: number, wanted: number): Window {
    for (const window of this.#windows) {
      if (window.path !== path || offset < window.start) continue
      if (offset + wanted <= window.start + window.length) return window
    }
    // Sequential readers come for what lies behind; one read of the disk serves them.
    const length = Math.max(wanted, limits.readAheadBytes)
    const bytes = this.handles.use(path, async (file) => {
      const read = await file.read(offset, length)
      return Buffer.from(read.buffer, read.byteOffset, read.length)
    })
    const window: Window = { path, start: offset, bytes, length, frames: new Map() }
    this.#windows = [...this.#windows.slice(-(windowsMax - 1)), window]
    bytes.catch(() => this.#drop(window))
    return window
  }

  #drop(window: Window): void {
    this.#windows = this.#windows.filter((other) => other !== window)
  }
}

const frameIn = (
  { start, frames }: Window,
  window: Buffer,
  offset: number,
  key: FrameKey,
  bytes: number,
): Uint8Array | undefined => {
  const from = offset - start
  const end = from + frameHeaderBytes + bytes
  const known = frames.get(offset)
  if (end > window.length || (known === undefined && !frameIsIntact(window, from))) return undefined
  const head = readFrameHeader(window, from)
  const same = head.generation === key.generation && head.first === key.first
  if (!same || head.bytes !== bytes) return undefined
  if (known !== undefined) return known
  const frame = apart(window.subarray(from + frameHeaderBytes, end), window.length)
  frames.set(offset, frame)
  return frame
}

/** A small frame must not keep a whole window alive; a large one is most of it. */
const apart = (frame: Buffer, windowBytes: number): Uint8Array =>
  frame.length * 2 < windowBytes
    ? Uint8Array.from(frame)
    : new Uint8Array(frame.buffer, frame.byteOffset, frame.length)
