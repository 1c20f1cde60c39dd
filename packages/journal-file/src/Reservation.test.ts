import { ManualClock, SeededRandom, SimulatedDisk } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { openFileJournal } from "./openFileJournal.js"
import { openSimulated } from "./testkit/openSimulated.js"

const record = (bytes: number) => ({
  journalMs: 1,
  events: new Uint8Array(64),
  frames: [{ generation: 1, first: 1, bytes: new Uint8Array(bytes) }],
})

describe("room that is set aside", () => {
  it("runs out before an append meets a disk that filled up since it was looked at", async () => {
    const random = new SeededRandom(5)
    const disk = new SimulatedDisk({ random, capacityBytes: 4 * 1024 * 1024 })
    const journal = await openFileJournal({
      dir: "/data",
      disk,
      random,
      clock: new ManualClock(),
      shared: true,
      shards: 1,
      segmentBytes: 128 * 1024,
      uncleanedBytesMax: 1024 * 1024,
    })
    const opened = await journal.openShard(0)
    // Nothing is ever cleaned.
    opened.attach({
      checkpoint: () => undefined,
      locate: () => undefined,
      relocate: () => {},
      closed: () => {},
    })
    const append = async (bytes: number, purpose: "publish" | "settle"): Promise<string> => {
      if (!journal.reserve(bytes + 1024, purpose)) return "no room"
      const [answer] = await journal.commit([
        { shard: 0, epoch: opened.epoch, records: [record(bytes)] },
      ])
      journal.unreserve(bytes + 1024)
      return answer._tag
    }
    const answers = new Map<string, number>()
    for (let round = 0; round < 600; round++) {
      const answer = await append(8192, "publish")
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
    expect([...answers.keys()]).toEqual(["Committed", "no room"])
    expect(answers.get("Committed")).toBeGreaterThan(200)
    for (let round = 0; round < 8; round++) expect(await append(512, "settle")).toBe("Committed")
    await journal.close()
  })

  it("is refused with the figures that it was judged by", async () => {
    const random = new SeededRandom(5)
    const disk = new SimulatedDisk({ random, capacityBytes: 4 * 1024 * 1024 })
    const journal = await openSimulated(disk, 1, { uncleanedBytesMax: 1024 * 1024 })
    const wanted = 4 * 1024 * 1024
    expect(journal.reserve(1000, "publish")).toBe(true)
    expect(journal.reserve(wanted, "publish")).toBe(false)
    const error = journal.noRoom(wanted, "publish")
    expect(error).toMatchObject({ _tag: "DiskFull", retryable: true })
    expect(error.data).toMatchObject({ wantedBytes: wanted, reservedBytes: 1000 })
    const { freeBytes } = journal.status()
    expect(error.data.freeBytes).toBe(freeBytes)
    for (const figure of [wanted, freeBytes, 1000, 128 * 1024]) {
      expect(error.detail).toContain(String(figure))
    }
    await journal.close()
  })

  it("ends, and so does the log, when nothing is ever cleaned", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(5) })
    const uncleanedBytesMax = 64 * 1024
    const journal = await openSimulated(disk, 1, { uncleanedBytesMax, segmentBytes: 16 * 1024 })
    const opened = await journal.openShard(0)
    opened.attach({
      checkpoint: () => undefined,
      locate: () => undefined,
      relocate: () => {},
      closed: () => {},
    })
    const { shard, epoch } = opened
    const refusals = new Map<string, number>()
    let last = "Committed"
    while (last === "Committed" && journal.status().uncleanedBytes < 40 * uncleanedBytesMax) {
      const { uncleanedBytes } = journal.status()
      for (const purpose of ["publish", "settle"] as const) {
        if (journal.reserve(1024, purpose)) journal.unreserve(1024)
        else if (!refusals.has(purpose)) {
          refusals.set(purpose, Math.floor(uncleanedBytes / uncleanedBytesMax))
          expect(journal.noRoom(1024, purpose).detail).toContain("wait to be cleaned")
        }
      }
      const [answer] = await journal.commit([{ shard, epoch, records: [record(1024)] }])
      last = answer._tag
      if (answer._tag === "Refused") expect(answer.error._tag).toBe("DiskFull")
    }
    expect(last).toBe("Refused")
    expect([...refusals]).toEqual([
      ["publish", 2],
      ["settle", 3],
    ])
    expect(journal.status().uncleanedBytes).toBeLessThan(17 * uncleanedBytesMax)
    // Consuming makes room again: the shard is opened, and its tenant wants nothing of it.
    await journal.openShard(0)
    await journal.close()
  })
})
