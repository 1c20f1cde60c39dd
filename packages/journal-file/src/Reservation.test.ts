import { ManualClock, SeededRandom, SimulatedDisk } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { openFileJournal } from "./openFileJournal.js"

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
})
