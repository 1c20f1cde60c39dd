/**
 * Measures the journal's commit against the bare loop that it cannot beat: writev + fdatasync on a
 * preallocated file, the same frames, the same number in flight, interleaved in one run.
 *
 *   node bench/dist/micro/commit.js [frameBytes] [inFlight] [seconds] [shards]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DiskFile, OpenedShard } from "@skein/journal"
import { fileDisk, openFileJournal } from "@skein/journal-file"

const [frameBytes = 26_000, inFlight = 16, seconds = 3, shards = 1] = process.argv
  .slice(2)
  .map(Number)

interface Rate {
  readonly framesPerSecond: number
  readonly cpuMicrosecondsPerFrame: number
}

/** Runs `turn`, which commits so many frames, until the time is over. */
const measure = async (frames: number, turn: () => Promise<void>): Promise<Rate> => {
  const cpu = process.cpuUsage()
  const start = performance.now()
  let turns = 0
  while (performance.now() - start < seconds * 1000) {
    await turn()
    turns++
  }
  const spent = process.cpuUsage(cpu)
  const total = turns * frames
  return {
    framesPerSecond: Math.round((total * 1000) / (performance.now() - start)),
    cpuMicrosecondsPerFrame: Math.round(((spent.user + spent.system) / total) * 10) / 10,
  }
}

/** A frame arrives in a buffer of its own, in both loops. */
const arrivingFrame = (): Buffer => Buffer.allocUnsafeSlow(frameBytes).fill(7)

const raw = async (directory: string): Promise<Rate> => {
  const disk = fileDisk()
  const size = 32 * 1024 * 1024
  const files: DiskFile[] = []
  for (let number = 0; number < 4; number++) {
    const file = await disk.open(`${directory}/raw.${number}`, "create")
    const zeros = new Uint8Array(1024 * 1024)
    for (let at = 0; at < size; at += zeros.length) await file.write(at, [zeros])
    await file.sync()
    files.push(file)
  }
  let position = 0
  let number = 0
  const rate = await measure(inFlight, async () => {
    if (position + inFlight * frameBytes > size) {
      position = 0
      number = (number + 1) % files.length
    }
    await files[number].write(position, Array.from({ length: inFlight }, arrivingFrame))
    await files[number].sync()
    position += inFlight * frameBytes
  })
  for (const file of files) await file.close()
  return rate
}

const journal = async (directory: string): Promise<Rate> => {
  const opened = await openFileJournal({ dir: join(directory, "journal") })
  const handles: OpenedShard[] = []
  for (let shard = 0; shard < shards; shard++) handles.push(await opened.openShard(shard))
  let recordNumbers = handles.map(() => 0)
  for (const [at, handle] of handles.entries()) {
    handle.attach({
      checkpoint: () => {
        const recordNumber = recordNumbers[at]
        return { recordNumber, placedUpTo: recordNumber, put: [], drop: [] }
      },
      locate: () => undefined,
      relocate: () => {},
      closed: () => {},
    })
  }
  const events = Buffer.alloc(48)
  let first = 1
  const perShard = Math.max(1, Math.floor(inFlight / shards))
  const rate = await measure(perShard * handles.length, async () => {
    recordNumbers = recordNumbers.map((number) => number + perShard)
    const results = await opened.commit(
      handles.map(({ shard, epoch }) => ({
        shard,
        epoch,
        records: Array.from({ length: perShard }, () => ({
          journalMs: 1,
          events,
          frames: [{ generation: 1, first: first++, bytes: arrivingFrame() }],
        })),
      })),
    )
    for (const [at, result] of results.entries()) {
      if (result._tag !== "Committed") throw new Error(JSON.stringify(result))
      for (const location of result.locations) handles[at].release(location, frameBytes)
    }
  })
  await opened.close()
  return rate
}

const directory = await mkdtemp(join(tmpdir(), "skein-bench-"))
try {
  process.stdout.write(`${frameBytes} bytes a frame, ${inFlight} in flight, ${shards} shards\n`)
  for (let round = 1; round <= 3; round++) {
    const bare = await raw(directory)
    for (let number = 0; number < 4; number++) await rm(join(directory, `raw.${number}`))
    const ours = await journal(directory)
    await rm(join(directory, "journal"), { recursive: true })
    const ratio = (ours.framesPerSecond / bare.framesPerSecond).toFixed(2)
    process.stdout.write(
      `bare ${JSON.stringify(bare)} journal ${JSON.stringify(ours)} ratio ${ratio}\n`,
    )
  }
} finally {
  await rm(directory, { recursive: true })
}
