import { type ManualClock, ModelTenant, SeededRandom, SimulatedDisk } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { commitFrame } from "./testkit/commitFrame.js"
import { openSimulated, settle } from "./testkit/openSimulated.js"

/** A journal whose shard has one segment of 100 frames, and the means to consume them. */
const filled = async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const journal = await openSimulated(disk, 1, { segmentBytes: 64 * 1024 })
  const tenant = await ModelTenant.open(await journal.openShard(0))
  const segments = async () =>
    (await disk.list("/data/shards/s000")).filter((name) => name.startsWith("segment."))
  for (let first = 1; first <= 100; first++) {
    await commitFrame(journal, tenant, { publish: first })
  }
  await journal.clean()
  const before = await segments()
  expect(before.length).toBe(1)
  const consume = (from: number, to: number) =>
    commitFrame(journal, tenant, {
      drop: Array.from({ length: to - from + 1 }, (_, at) => from + at),
    })
  return { journal, tenant, segments, before, consume }
}

describe("a segment that is under half live", () => {
  it("is left alone while it is being consumed, and copied on once that rests", async () => {
    const { journal, tenant, segments, before, consume } = await filled()
    await consume(1, 40)
    await journal.clean()
    await consume(41, 50)
    await journal.clean()
    expect(await segments()).toEqual(before)
    // Nobody consumes any more: what is left is copied, and the file goes.
    await journal.clean()
    await journal.clean()
    expect(await segments()).not.toContain(before[0])
    expect((await tenant.readAll()).size).toBe(50)
    await journal.close()
  })

  it("is copied on although it loses a frame before each pass", async () => {
    const { journal, segments, before, consume } = await filled()
    await consume(1, 40)
    for (let pass = 1; pass <= 6; pass++) {
      await consume(40 + pass, 40 + pass)
      await journal.clean()
    }
    expect(await segments()).not.toContain(before[0])
    await journal.close()
  })

  it("is copied on by a pass of its own when nothing else goes on", async () => {
    const { journal, segments, before, consume } = await filled()
    await consume(1, 40)
    await journal.clean()
    expect(await segments()).toEqual(before)
    for (let step = 0; step < 40; step++) {
      ;(journal.parts.clock as ManualClock).advance(500)
      await settle()
    }
    expect(await segments()).not.toContain(before[0])
    await journal.close()
  })
})

describe("a queue that is kept up with", () => {
  it("has nothing copied: what the log has sealed last rests until it is settled", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const options = { segmentBytes: 64 * 1024, uncleanedBytesMax: 256 * 1024 }
    const journal = await openSimulated(disk, 1, options)
    const opened = await journal.openShard(0)
    const tenant = await ModelTenant.open(opened)
    const lag = 20
    for (let first = 1; first <= 1000; first++) {
      const drop = first > lag ? [first - lag] : []
      await commitFrame(journal, tenant, { publish: first, drop })
      await settle()
    }
    const segments = (await disk.list("/data/shards/s000")).filter((name) =>
      name.startsWith("segment."),
    )
    expect(segments).toEqual([])
    expect(journal.status().uncleanedBytes).toBeLessThan(256 * 1024)
    expect((await tenant.readAll()).size).toBe(lag)
    await journal.close()
  })
})
