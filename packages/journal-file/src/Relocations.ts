/**
 * Owns: where the owner's cleaner has put frames while somebody follows the shard. Relocations are
 * no records; but segments of a shard hold whole frames with their keys, so whoever reads those
 * that a newer checkpoint names knows where the frames lie that have left their former files.
 * What is found may be a copy that its owner never came to rest on: hence the sync.
 */
import type { Disk, FrameKey, ReplayedFrame } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Shard } from "@skein/model"
import { type FileRef, type FileTable, fileKey, type StoredFile } from "./FileTable.js"
import { FileWindow } from "./FileWindow.js"
import type { Paths } from "./Layout.js"
import { locationOf } from "./Location.js"
import { frameHeaderBytes, frameIsIntact, readFrameHeader } from "./RecordCodec.js"

type SegmentRef = FileRef & { readonly kind: "segment" }

interface Segment {
  readonly ref: SegmentRef
  readonly frames: (FrameKey & { readonly bytes: number; readonly offset: number })[]
  /** Up to where it was read. */
  end: number
}

export class Relocations {
  readonly #segments = new Map<string, Segment>()
  readonly #known: ReadonlySet<string>

  /** `files`: of the checkpoint that the follower has begun with. */
  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly shard: Shard,
    files: readonly StoredFile[],
  ) {
    const segments = segmentsOf(files)
    // The youngest may have been appended to since.
    this.#known = new Set(segments.slice(0, -1).map(fileKey))
  }

  /** Reads what is new in the segments that a newer checkpoint names. */
  async note(files: readonly StoredFile[]): Promise<void> {
    const named = segmentsOf(files).filter((ref) => !this.#known.has(fileKey(ref)))
    const keys = new Set(named.map(fileKey))
    for (const key of this.#segments.keys()) if (!keys.has(key)) this.#segments.delete(key)
    for (const ref of named) await this.#readSegment(ref)
  }

  /** The new places, in the files that the checkpoint names: they get into the table. */
  placements(table: FileTable, files: readonly StoredFile[]): ReplayedFrame[] {
    const placements = new Map<string, ReplayedFrame>()
    for (const ref of segmentsOf(files)) {
      const segment = this.#segments.get(fileKey(ref))
      if (segment === undefined) continue
      const entry = table.add(ref, false)
      entry.totalBytes = 0
      for (const { generation, first, bytes, offset } of segment.frames) {
        entry.totalBytes += bytes
        const location = locationOf(entry.id, offset)
        // The younger copy of a frame that was copied twice.
        placements.set(`${generation}/${first}`, { generation, first, bytes, location })
      }
    }
    return [...placements.values()]
  }

  async #readSegment(ref: SegmentRef): Promise<void> {
    const path = this.paths.segment(this.shard, ref.epoch, ref.number)
    const segment = this.#segments.get(fileKey(ref)) ?? { ref, frames: [], end: 0 }
    try {
      const file = await this.disk.open(path, "read")
      try {
        const size = await file.size()
        if (size === segment.end) return
        await file.sync()
        await readFrames(segment, new FileWindow(file, size))
        this.#segments.set(fileKey(ref), segment)
      } finally {
        await file.close()
      }
    } catch (error) {
      // A still newer checkpoint does without it.
      if (!isMissing(error)) throw error
    }
  }
}

/** Up to the first frame that is not whole. */
const readFrames = async (segment: Segment, window: FileWindow): Promise<void> => {
  while (segment.end < window.size) {
    const offset = segment.end
    const header = await window.read(offset, frameHeaderBytes)
    if (header.length < frameHeaderBytes) return
    const { generation, first, bytes } = readFrameHeader(header, 0)
    const frame = await window.read(offset, frameHeaderBytes + bytes)
    if (frame.length < frameHeaderBytes + bytes || !frameIsIntact(frame, 0)) return
    segment.frames.push({ generation, first, bytes, offset })
    segment.end += frame.length
  }
}

/** Oldest first. */
const segmentsOf = (files: readonly StoredFile[]): SegmentRef[] =>
  files
    .map(({ ref }) => ref)
    .filter((ref) => ref.kind === "segment")
    .sort((a, b) => a.epoch - b.epoch || a.number - b.number)
