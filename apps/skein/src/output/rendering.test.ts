import type { NodeStatus } from "@skein/wire"
import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { jsonSafe } from "../commands/messageText.js"
import { nodeStatusText } from "../commands/nodeStatus.js"
import { queueStatusFacts } from "../commands/queueFacts.js"
import { showCount, showSize, showTime } from "./figures.js"
import { Progress } from "./Progress.js"
import { safeText } from "./safeText.js"

const plain = { paintOut: (_: string, text: string) => text }

const status: NodeStatus = {
  version: "0.1.0",
  fabricId: "f".repeat(32),
  node: "node-1",
  instance: "1".repeat(32),
  address: "127.0.0.1:4117",
  pid: 4711,
  uptimeMs: 3_723_000,
  ready: false,
  shards: 64,
  shardsOpen: 63,
  queues: 12_345,
  connections: 2,
  sessions: 3,
  rssBytes: 100 * 1024 * 1024,
  journal: {
    driver: "file",
    durability: "fdatasync",
    uncleanedBytes: 1_536,
    freeBytes: 5 * 1024 ** 3,
    commits: 1_000_000,
    committedBytes: 0,
  },
  tree: [
    { path: "node", state: "running", restarts: 0 },
    { path: "node/shards/s017", state: "waiting", restarts: 3, lastCause: "ShardEnded: torn" },
  ],
  limits: { shardsMax: 1024 },
}

describe("golden", () => {
  it("node status", () => {
    expect(nodeStatusText(plain, status, {})).not.toContain("LIMIT")
    expect(nodeStatusText(plain, status, { limits: true })).toMatchInlineSnapshot(`
      "node         node-1
      version      0.1.0
      address      127.0.0.1:4117
      fabric       ffffffffffffffffffffffffffffffff
      instance     11111111111111111111111111111111
      pid          4711
      up           1h 2m
      ready        no: it is drained, joins or leaves
      shards       63 of 64 open
      queues       12,345
      connections  2
      sessions     3
      memory       100 MiB
      journal      file, durability fdatasync
        uncleaned  1.5 KiB
        free       5.0 GiB
        commits    1,000,000
        committed  0 B
      supervised   2 parts

      PART              STATE    RESTARTS  LAST CAUSE
      node/shards/s017  waiting         3  ShardEnded: torn

      LIMIT      VALUE
      shardsMax  1,024
      "
    `)
    expect(nodeStatusText(plain, status, { tree: true })).toContain(
      [
        "PART            STATE    RESTARTS  LAST CAUSE",
        "node            running         0",
        "└─ shards/s017  waiting         3  ShardEnded: torn",
      ].join("\n"),
    )
  })

  it("queue show", () => {
    const counts = {
      ...{ ready: 2, leased: 1, total: 3, bytes: 2_048, published: 10, duplicates: 1 },
      ...{ acked: 5, rejected: 1, returned: 2, failed: 3, purged: 0, producers: 1 },
      ...{ sessions: 1, dedupIds: 4 },
    }
    const policy = {
      leaseMs: 30_000,
      dedupWindowMs: 600_000,
      messagesMax: 50_000_000,
      bytesMax: 64 * 1024 ** 3,
      bodyBytesMax: 1024 ** 2,
    }
    const queue = { name: "orders", shard: 17, generation: 3, policy, counts }
    const shown = queueStatusFacts(plain, { ...queue, state: "quarantined", detail: "a fault" })
    expect(shown).toMatchInlineSnapshot(`
      "queue           orders
      shard           s017
      generation      3
      lease           30s
      dedup window    10m
      messages max    50,000,000
      bytes max       64GiB
      body bytes max  1MiB
      state           quarantined: a fault
      messages        3
        ready         2
        leased        1
      size            2.0 KiB
      published       10
        duplicates    1
      acked           5
      rejected        1
      returned        2
      failed          3
      purged          0
      producers       1
      sessions        1
      dedup ids       4
      "
    `)
  })
})

describe("Progress", () => {
  const run = (isOn: boolean, steps: readonly (readonly [ms: number, part?: number])[]) => {
    const lines: string[] = []
    let now = 0
    const progress = new Progress(
      { columns: 60, err: (text) => lines.push(text.replace("\r\x1b[K", "|")) },
      { label: "published", isOn, nowMs: () => now },
    )
    for (const [ms, part] of steps) {
      now = ms
      progress.step(100, part)
    }
    progress.end()
    progress.end()
    return lines
  }

  it("says nothing of what lasts under a second, nor where it is off", () => {
    expect(run(true, [[10], [999]])).toEqual([])
    expect(run(false, [[10], [5_000]])).toEqual([])
  })

  it("shows count, part, rate and time to go, at most every 200 ms, and goes away", () => {
    const steps = [
      [500, 0.1],
      [1_000, 0.25],
      [1_100, 0.3],
      [2_000, 0.5],
    ] as const
    expect(run(true, steps)).toEqual([
      "|published 200  25%  200/s  3s to go",
      "|published 400  50%  200/s  2s to go",
      "|",
    ])
  })

  it("shows no share where the whole is not known", () => {
    expect(run(true, [[2_000]])).toEqual(["|published 100  50/s", "|"])
  })
})

describe("safeText", () => {
  it("leaves plain text of any language as it is", () => {
    for (const text of ["queue-1", "Größe", "日本語", "🙂"]) expect(safeText(text)).toBe(text)
  })

  it("shows controls, direction marks and lone surrogates as escapes", () => {
    expect(safeText("a\n\t\u001b[2J\u202eb\u2028\ud800")).toBe(
      "a\\n\\t\\u{1b}[2J\\u{202e}b\\u{2028}\\u{d800}",
    )
  })

  it("never lets a control through", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary" }), (text) => {
        expect(safeText(text)).not.toMatch(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u)
      }),
    )
  })
})

describe("figures", () => {
  it("are short and exact where it matters", () => {
    expect([0, 999, 1_234_567].map(showCount)).toEqual(["0", "999", "1,234,567"])
    expect([0, 1023, 1024, 1_572_864, 5e15].map(showSize)).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "1.5 MiB",
      "4.4 PiB",
    ])
    expect([0, 499, 61_000, 3_600_000, 90_061_000, 86_400_000 + 5_000].map(showTime)).toEqual([
      "0s",
      "0s",
      "1m 1s",
      "1h",
      "1d 1h",
      "1d",
    ])
  })
})

describe("jsonSafe", () => {
  it("holds what JSON cannot", () => {
    const value = {
      text: new TextEncoder().encode("hi"),
      bytes: new Uint8Array([255]),
      big: 2n ** 60n,
      none: undefined,
      not: Number.NaN,
      map: new Map([[1, [undefined]]]),
    }
    expect(JSON.parse(JSON.stringify(jsonSafe(value)))).toEqual({
      text: "hi",
      bytes: { base64: "/w==" },
      big: "1152921504606846976",
      none: null,
      not: "NaN",
      map: { "1": [null] },
    })
  })
})
