import { defaultQueuePolicy, isSkeinError } from "@skein/model"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { decodeEvents, encodeEvents, type JournaledEvent } from "./eventCodec.js"

const policy = { ...defaultQueuePolicy, leaseMs: 30_000, dedupWindowMs: 600_000 }

/** One of each, with the bytes that they must have for ever. */
const golden: readonly (readonly [JournaledEvent, string])[] = [
  [
    { generation: 5, event: { _tag: "Created", name: "orders", policy } },
    "9201940501a66f726465727395cd7530ce000927c0ce02faf080cb4230000000000000ce00100000",
  ],
  [{ generation: 5, event: { _tag: "Opened", epoch: 3 } }, "920193050203"],
  [
    {
      generation: 5,
      event: {
        _tag: "FramePublished",
        journalMs: 1_790_000_000_000,
        producer: "0123456789abcdef".repeat(2),
        frameNumber: 9,
        first: 5_000_000_000,
        count: 2,
        bytes: 300,
        duplicates: Uint8Array.of(1),
        dedup: Uint8Array.from({ length: 32 }, (_, at) => at),
      },
    },
    "92019a0503cb427a0c4506c00000d920303132333435363738396162636465663031323334353637" +
      "383961626364656609cb41f2a05f2000000002cd012cc40101c420000102030405060708090a0b0c" +
      "0d0e0f101112131415161718191a1b1c1d1e1f",
  ],
  [
    {
      generation: 5,
      event: {
        _tag: "FramePublished",
        journalMs: 1,
        producer: "f".repeat(32),
        frameNumber: 1,
        first: 1,
        count: 1,
        bytes: 1,
      },
    },
    "92019a050301d9206666666666666666666666666666666666666666666666666666666666666666" +
      "01010101c0c0",
  ],
  [{ generation: 5, event: { _tag: "Touched", block: 70_000 } }, "9201930504ce00011170"],
  [{ generation: 5, event: { _tag: "Redelivered", ranges: [1, 2, 4, 4] } }, "92019305059401020404"],
  [
    { generation: 5, event: { _tag: "Ended", outcome: "ack", ranges: [1, 100] } },
    "92019505060000920164",
  ],
  [
    { generation: 5, event: { _tag: "Ended", outcome: "fail", ranges: [7, 7], cause: "expired" } },
    "92019505060202920707",
  ],
  [
    {
      generation: 5,
      event: {
        _tag: "Ended",
        outcome: "reject",
        by: { epoch: 3, attempt: 300 },
        ranges: [4, 5],
      },
    },
    "92019605090303cd012c920405",
  ],
  [
    { generation: 5, event: { _tag: "MessagesPurged", ranges: [1, 10_000_000] } },
    "92019305079201ce00989680",
  ],
  [{ generation: 5, event: { _tag: "Deleted" } }, "9201920508"],
  [
    {
      generation: 0,
      event: { _tag: "QueueDeclared", name: "orders", policy, shard: 17, generation: 5 },
    },
    "9201960040a66f726465727395cd7530ce000927c0ce02faf080cb4230000000000000ce00100000" + "1105",
  ],
  [{ generation: 0, event: { _tag: "QueueRemoved", generation: 5 } }, "920193004105"],
  [{ generation: 0, event: { _tag: "QueueBuried", generation: 5 } }, "920193004205"],
]

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe("stored events", () => {
  for (const [event, bytes] of golden) {
    it(`${event.event._tag} has the bytes it always had`, () => {
      expect(hex(encodeEvents([event]))).toBe(bytes)
      expect(plain(decodeEvents(Buffer.from(bytes, "hex")))).toEqual(plain([event]))
    })
  }

  it("of several queues lie in one record", () => {
    const events = golden.map(([event]) => event)
    expect(plain(decodeEvents(encodeEvents(events)))).toEqual(plain(events))
    expect(decodeEvents(encodeEvents([]))).toEqual([])
  })
})

/** Buffers and Uint8Arrays alike. */
const plain = (events: readonly JournaledEvent[]): unknown =>
  events.map(({ generation, event }) => ({
    generation,
    event: Object.fromEntries(
      Object.entries(event).map(([key, value]) => [
        key,
        value instanceof Uint8Array ? [...value] : value,
      ]),
    ),
  }))

describe("bytes that are no events", () => {
  const packr = new Packr({ useRecords: false })
  const failure = (value: unknown, raw?: Uint8Array): string => {
    try {
      decodeEvents(raw ?? packr.pack(value))
    } catch (error) {
      return isSkeinError(error) ? error._tag : `untyped: ${String(error)}`
    }
    return "decoded"
  }

  it("are ShardCorrupt, a later version is VersionUnsupported", () => {
    expect(failure([2, [5, 8]])).toBe("VersionUnsupported")
    for (const value of [
      null,
      {},
      [],
      ["1"],
      [1, 5],
      [1, [5]],
      [1, [5, 99]],
      [1, [5, 8, 0]],
      [1, [-5, 8]],
      [1, [0, 8]],
      [1, [5, 65, 5]],
      [1, [5, 2, "3"]],
      [1, [5, 2, 1.5]],
      [1, [5, 4]],
      [1, [5, 5, [1]]],
      [1, [5, 5, [2, 1]]],
      [1, [5, 5, [1, 2, 2, 3]]],
      [1, [5, 6, 4, 0, [1, 1]]],
      [1, [5, 6, 0, 4, [1, 1]]],
      [1, [5, 3, 1, "xyz", 1, 1, 1, 1, null, null]],
      [1, [5, 3, 1, "f".repeat(32), 1, 1, 0, 1, null, null]],
      [1, [5, 3, 1, "f".repeat(32), 1, 1, 9, 1, new Uint8Array(1), null]],
      [1, [5, 3, 1, "f".repeat(32), 1, 1, 2, 1, null, new Uint8Array(31)]],
    ]) {
      expect(failure(value), JSON.stringify(value)).toBe("ShardCorrupt")
    }
  })

  it("cut anywhere or with a byte changed never fail otherwise", () => {
    const whole = encodeEvents(golden.map(([event]) => event))
    for (let length = 0; length < whole.length; length++) {
      expect(failure(0, whole.slice(0, length)), `cut at ${length}`).toBe("ShardCorrupt")
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = Uint8Array.from(whole)
      changed[at] ^= 0x41
      expect(["decoded", "ShardCorrupt", "VersionUnsupported"]).toContain(failure(0, changed))
    }
  })
})
