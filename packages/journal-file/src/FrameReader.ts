/**
 * Owns: reading frames back: from a window that was read ahead, or from the file. As many windows
 * are kept as 64 queues need that are read from their beginnings at the same time; what was used
 * longest ago goes first, and that is what a sequential reader has left behind.
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
  /** What was checked last: a frame that is delivered in parts is asked for again. */
  last?: { readonly offset: number; readonly frame: Uint8Array }
}

/** Bytes in all windows. */
const windowsBytesMax = 64 * limits.readAheadBytes

export class FrameReader {
  /** What was used last comes last. */
  #windows: Window[] = []
  #windowsBytes = 0

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
      this.#forgetWindows(path)
    }
    throw skeinError("ShardCorrupt", `${path} at ${offset}: the frame is damaged`, {
      file: path,
      offset,
    })
  }

  /** The file changes or goes away: what was read ahead of it must not be served. */
  forget(path: string): void {
    this.#forgetWindows(path)
    this.handles.forget(path)
  }

  #forgetWindows(path: string): void {
    for (const window of this.#windows.filter((one) => one.path === path)) this.#drop(window)
  }

  #window(path: string, offset: number, wanted: number): Window {
    const windows = this.#windows
    for (let at = windows.length - 1; at >= 0; at--) {
      const window = windows[at]
      if (window.path !== path || offset < window.start) continue
      if (offset + wanted > window.start + window.length) continue
      windows.splice(at, 1)
      windows.push(window)
      return window
    }
    // Sequential readers come for what lies behind; one read of the disk serves them.
    const length = Math.max(wanted, limits.readAheadBytes)
    const bytes = this.handles.use(path, async (file) => {
      const read = await file.read(offset, length)
      return Buffer.from(read.buffer, read.byteOffset, read.length)
    })
    const window: Window = { path, start: offset, bytes, length }
    while (windows.length > 0 && this.#windowsBytes + length > windowsBytesMax) {
      this.#drop(windows[0])
    }
    windows.push(window)
    this.#windowsBytes += length
    bytes.catch(() => this.#drop(window))
    return window
  }

  #drop(window: Window): void {
    const at = this.#windows.indexOf(window)
    if (at === -1) return
    this.#windows.splice(at, 1)
    this.#windowsBytes -= window.length
  }
}

const frameIn = (
  from: Window,
  window: Buffer,
  offset: number,
  key: FrameKey,
  bytes: number,
): Uint8Array | undefined => {
  const at = offset - from.start
  const end = at + frameHeaderBytes + bytes
  const known = from.last?.offset === offset ? from.last.frame : undefined
  if (end > window.length || (known === undefined && !frameIsIntact(window, at))) return undefined
  const head = readFrameHeader(window, at)
  const same = head.generation === key.generation && head.first === key.first
  if (!same || head.bytes !== bytes) return undefined
  if (known !== undefined) return known
  const frame = apart(window.subarray(at + frameHeaderBytes, end), window.length)
  from.last = { offset, frame }
  return frame
}

/** A small frame must not keep a whole window alive; a large one is most of it. */
const apart = (frame: Buffer, windowBytes: number): Uint8Array =>
  frame.length * 2 < windowBytes
    ? Uint8Array.from(frame)
    : new Uint8Array(frame.buffer, frame.byteOffset, frame.length)
