import { ManualClock, SeededRandom, SimulatedDisk } from "@skein/journal"
import { openFileJournal } from "@skein/journal-file"
import { emptyQueue } from "@skein/queue"
import { afterEach, describe, expect, it, vi } from "vitest"
import { bodiesOf, Rig, session } from "./testing/Rig.js"

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

describe("a queue that is deleted after it was set aside", () => {
  it("gives every frame back to the file journal, which then cleans its log", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const journal = await openFileJournal({
      dir: "/data",
      disk,
      clock: new ManualClock(),
      random: new SeededRandom(2),
      shards: 1,
      segmentBytes: 4096,
      uncleanedBytesMax: 64 * 1024,
      cacheBytesMax: 0,
      processRuns: () => false,
    })
    const rig = await Rig.open(1, () => journal)
    const bad = await rig.declare("bad")
    for (const body of ["a", "b", "c"]) await rig.publish(bad, body)
    const [run] = await rig.fetch(bad, { messagesMax: 1 }).delivered
    expect(bodiesOf([run])).toEqual(["a"])
    breakBuild()
    const { epoch, attempt } = run
    const settles = [{ outcome: "ack" as const, epoch, attempt, ranges: [1, 1] }]
    const request = { queue: bad, session, settles }
    const tag = await rig.core.broker.settle(request).catch(({ _tag }) => _tag)
    expect(tag).toBe("Quarantined")
    vi.restoreAllMocks()
    expect(await rig.core.admin.delete("bad")).toBe(true)
    const good = await rig.declare("good")
    for (let count = 0; count < 60; count++) await rig.publish(good, "x".repeat(200))
    const before = journal.status().uncleanedBytes
    expect(before).toBeGreaterThan(4 * 4096)
    for (let pass = 1; pass <= 2; pass++) await journal.clean()
    expect(journal.status().uncleanedBytes).toBeLessThanOrEqual(4096)
    expect((await rig.take(good)).length).toBe(60)
    await rig.core.closeShard(0)
    await journal.close()
  })
})
