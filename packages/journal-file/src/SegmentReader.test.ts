import { crc32 } from "node:zlib"
import { SeededRandom, SimulatedDisk } from "@skein/journal"
import { expect, it } from "vitest"
import { aheadMemory } from "./AheadWindow.js"
import { batchHeaderBytes, batchMagicBytes } from "./BatchCodec.js"
import { SegmentReader } from "./SegmentReader.js"

const salt = 7
const windowBytes = 1024 * 1024

it("finds a batch behind what only looks like one, also in memory that is lent", async () => {
  const memory = new SimulatedDisk({ random: new SeededRandom(1) })
  const disk = memory.process()
  await disk.makeDirectory("/d")
  const content = Buffer.alloc(8 * windowBytes)
  const put = (at: number, entries: number, bytes: number): Buffer => {
    content.set(batchMagicBytes, at)
    content.writeUInt32LE(bytes, at + 8)
    content.writeUInt32LE(entries, at + 12)
    content.writeUInt32LE(at, at + 16)
    return content.subarray(at + 8, at + batchHeaderBytes + entries * 12)
  }
  // A body may hold anything: here a header that announces more entries than the window holds.
  const fake = windowBytes - 64 * 1024
  put(fake, 20_000, windowBytes)
  const good = fake + 4096
  content.writeUInt32LE(crc32(put(good, 0, 4096), salt), good + 4)
  const file = await disk.open("/d/f", "create")
  await file.write(0, [content])
  for (const lent of [undefined, aheadMemory()]) {
    const reader = await SegmentReader.open(disk, "/d/f", salt, content.length, lent)
    expect((await reader.findBatch(4096))?.offset).toBe(good)
  }
})
