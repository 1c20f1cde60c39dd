import { type Disk, SeededRandom, SimulatedDisk } from "@skein/journal"
import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import { FileHandles } from "./FileHandles.js"
import { FrameCache } from "./FrameCache.js"
import { FrameReader } from "./FrameReader.js"
import { frameHeaderBytes, writeFrameHeader } from "./RecordCodec.js"

/** A file of frames back to back, and a reader of it that counts its reads of the disk. */
const readerOf = async (sizes: readonly number[]) => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const file = await disk.open("/frames", "create")
  const offsets: number[] = []
  let end = 0
  for (const [at, bytes] of sizes.entries()) {
    const frame = Buffer.alloc(frameHeaderBytes + bytes, at + 1)
    const body = frame.subarray(frameHeaderBytes)
    writeFrameHeader(frame, 0, { generation: 7, first: at + 1, bytes: body })
    await file.write(end, [frame])
    offsets.push(end)
    end += frame.length
  }
  let reads = 0
  const counting: Disk = {
    ...disk,
    open: async (path, how) => {
      const opened = await disk.open(path, how)
      return {
        ...opened,
        read: (position, length) => {
          reads++
          return opened.read(position, length)
        },
      }
    },
  }
  const reader = new FrameReader(new FileHandles(counting), new FrameCache(0))
  const read = (at: number, first = at + 1) =>
    reader.read("/frames", offsets[at], { generation: 7, first }, sizes[at])
  return { read, reads: () => reads }
}

describe("FrameReader", () => {
  it("reads a large frame once, however many parts of it are asked for", async () => {
    const { read, reads } = await readerOf([limits.readAheadBytes, 100])
    const frame = await read(0)
    expect(frame.length).toBe(limits.readAheadBytes)
    expect(await read(0)).toBe(frame)
    expect(reads()).toBe(1)
  })

  it("reads small frames ahead, each apart from what was read with it", async () => {
    const { read, reads } = await readerOf([100, 200, 300])
    for (const at of [0, 1, 2]) {
      const frame = await read(at)
      expect(frame).toEqual(new Uint8Array(100 * (at + 1)).fill(at + 1))
      expect(frame.buffer.byteLength).toBe(frame.length)
    }
    expect(reads()).toBe(1)
  })

  it("refuses another frame in the place of the one it knows there", async () => {
    const { read } = await readerOf([100])
    await read(0)
    await expect(read(0, 2)).rejects.toMatchObject({ _tag: "ShardCorrupt" })
  })

  it("serves 64 sequential readers that take turns with one read for each window", async () => {
    const readers = 64
    const each = 192
    const bytes = 4096 - frameHeaderBytes
    const { read, reads } = await readerOf(Array.from({ length: readers * each }, () => bytes))
    for (let step = 0; step < each; step += 8) {
      for (let reader = 0; reader < readers; reader++) await read(reader * each + step)
    }
    const windows = (each * 4096) / limits.readAheadBytes
    expect(reads()).toBe(readers * windows)
  })
})
