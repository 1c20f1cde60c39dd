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

interface Place extends FrameKey {
  readonly bytes: number
  readonly ref: SegmentRef
  readonly offset: number
}

export class Relocations {
  /** By key; where a frame was copied twice, the younger copy. */
  readonly #places = new Map<string, Place>()
  /** By file: up to where it was read; absent in both: not read yet. */
  readonly #read = new Map<string, number>()
  readonly #known: ReadonlySet<string>

  /** `files`: of the checkpoint that the follower has begun with. */
  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly shard: Shard,
    files: readonly StoredFile[],
  ) {
    const segments = files.map(({ ref }) => ref).filter((ref) => ref.kind === "segment")
    // The youngest may have been appended to since.
    const youngest = segments.sort(byAge).pop()
    this.#known = new Set(segments.filter((ref) => ref !== youngest).map(fileKey))
  }

  /** Reads what is new in the segments that a newer checkpoint names. */
  async note(files: readonly StoredFile[]): Promise<void> {
    const segments = files.map(({ ref }) => ref).filter((ref) => ref.kind === "segment")
    for (const ref of segments.sort(byAge)) {
      if (!this.#known.has(fileKey(ref))) await this.#readSegment(ref)
    }
  }

  /** The new places, for files that the table still has or that are to be added to it. */
  placements(table: FileTable, files: readonly StoredFile[]): ReplayedFrame[] {
    const named = new Map(files.map((file) => [fileKey(file.ref), file]))
    const placements: ReplayedFrame[] = []
    for (const { generation, first, bytes, ref, offset } of this.#places.values()) {
      const file = named.get(fileKey(ref))
      if (file === undefined) continue
      const entry = table.add(ref, false)
      entry.totalBytes = file.totalBytes
      placements.push({ generation, first, bytes, location: locationOf(entry.id, offset) })
    }
    return placements
  }

  async #readSegment(ref: SegmentRef): Promise<void> {
    const path = this.paths.segment(this.shard, ref.epoch, ref.number)
    try {
      const file = await this.disk.open(path, "read")
      try {
        const from = this.#read.get(fileKey(ref)) ?? 0
        const size = await file.size()
        if (size === from) return
        await file.sync()
        this.#read.set(fileKey(ref), await this.#readFrames(ref, new FileWindow(file, size), from))
      } finally {
        await file.close()
      }
    } catch (error) {
      // A still newer checkpoint does without it.
      if (!isMissing(error)) throw error
    }
  }

  /** Where the first frame begins that is not whole. */
  async #readFrames(ref: SegmentRef, window: FileWindow, from: number): Promise<number> {
    let at = from
    while (at < window.size) {
      const header = await window.read(at, frameHeaderBytes)
      if (header.length < frameHeaderBytes) break
      const { generation, first, bytes } = readFrameHeader(header, 0)
      const frame = await window.read(at, frameHeaderBytes + bytes)
      if (frame.length < frameHeaderBytes + bytes || !frameIsIntact(frame, 0)) break
      const key = `${generation}/${first}`
      this.#places.set(key, { generation, first, bytes, ref, offset: at })
      at += frameHeaderBytes + bytes
    }
    return at
  }
}

const byAge = (a: SegmentRef, b: SegmentRef): number => a.epoch - b.epoch || a.number - b.number
