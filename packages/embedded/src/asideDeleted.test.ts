import { ManualClock, SeededRandom, SimulatedDisk } from "@skein/journal"
import { openFileJournal } from "@skein/journal-file"
import { NodeCore } from "@skein/node"
import { emptyQueue } from "@skein/queue"
import { FrameWriter, type QueueInfo } from "@skein/wire"
import { afterEach, expect, it, vi } from "vitest"

const session = "5".repeat(32)
const producer = "a".repeat(32)

afterEach(() => {
  vi.restoreAllMocks()
})

/** From now on a settle fails after its frames have died and before the blocks are swept. */
const breakBuild = (): void => {
  const blocksClass = Object.getPrototypeOf(emptyQueue(1).blocks) as { sweep: () => void }
  vi.spyOn(blocksClass, "sweep").mockImplementation(() => {
    throw new Error("half applied")
  })
}

/** One shard on a file journal with small segments. */
const openCore = async () => {
  const clock = new ManualClock()
  const journal = await openFileJournal({
    dir: "/data",
    disk: new SimulatedDisk({ random: new SeededRandom(1) }),
    clock,
    random: new SeededRandom(2),
    shards: 1,
    segmentBytes: 4096,
    uncleanedBytesMax: 64 * 1024,
    cacheBytesMax: 0,
    processRuns: () => false,
  })
  const outside = () => ({
    version: "0",
    fabricId: "f".repeat(32),
    node: "n1",
    instance: "1".repeat(32),
    address: "",
    pid: 1,
    connections: 0,
    tree: [],
    rssBytes: 0,
    limits: {},
  })
  const core = new NodeCore({ journal, clock, shards: 1, outside, onFault: () => {} })
  await core.openShard(0)
  await core.broker.openSession(session, 30_000)
  let frameNumber = 0
  const declare = async (name: string) => {
    frameNumber = 0
    return core.admin.declare(name, {})
  }
  const publish = (queue: QueueInfo, bytes: number) => {
    const writer = new FrameWriter()
    writer.append({ body: Uint8Array.of(0xd9, bytes, ...new Uint8Array(bytes).fill(120)) })
    frameNumber++
    return core.broker.publish({ queue, producer, frameNumber, frame: writer.finish() })
  }
  const fetch = (queue: QueueInfo, messagesMax: number) => {
    const limits = { messagesMax, bytesMax: 1_000_000, waitMs: 0 }
    return core.broker.fetch({ queue, session, fetchNumber: 1, settles: [], ...limits }).delivered
  }
  return { core, journal, declare, publish, fetch }
}

it("a queue deleted after it was set aside gives all frames back: its log is cleaned", async () => {
  const { core, journal, declare, publish, fetch } = await openCore()
  const bad = await declare("bad")
  for (let count = 0; count < 3; count++) await publish(bad, 1)
  const [{ epoch, attempt }] = await fetch(bad, 1)
  breakBuild()
  const settles = [{ outcome: "ack" as const, epoch, attempt, ranges: [1, 1] }]
  const settled = core.broker.settle({ queue: bad, session, settles })
  await expect(settled).rejects.toMatchObject({ _tag: "Quarantined" })
  vi.restoreAllMocks()
  expect(await core.admin.delete("bad")).toBe(true)
  const good = await declare("good")
  for (let count = 0; count < 60; count++) await publish(good, 200)
  expect(journal.status().uncleanedBytes).toBeGreaterThan(4 * 4096)
  for (let pass = 1; pass <= 2; pass++) await journal.clean()
  expect(journal.status().uncleanedBytes).toBeLessThanOrEqual(4096)
  expect((await fetch(good, 100)).length).toBe(60)
  await core.closeShard(0)
  await journal.close()
})
