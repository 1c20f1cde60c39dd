/** PROTOCOL.md says what the code does: its tables and its worked example are checked here. */
import { readFileSync } from "node:fs"
import { errorTable, SkeinError, skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { AdminRpcs } from "./AdminRpcs.js"
import { encodeEnvelope, kindName, kinds, type Parts } from "./Envelope.js"
import { EnvelopeReader } from "./EnvelopeReader.js"
import { encodeFetch, encodeFetched } from "./FetchCodec.js"
import { encodeFrame } from "./FrameWriter.js"
import { encodeErrorEnvelope, encodeHello, encodeWelcome, welcomeLimits } from "./Handshake.js"
import { decodePublish, encodePublish, encodePublished } from "./PublishCodec.js"
import { encodeRpcCall } from "./RpcPayload.js"
import { encodeOpenSession } from "./SessionCodec.js"
import { encodeSettle, encodeSettled } from "./SettleCodec.js"
import { packValue } from "./Values.js"

const page = readFileSync(new URL("../PROTOCOL.md", import.meta.url), "utf8")

/** The cells of the rows of the table under `heading` whose first line starts with `head`. */
const tableOf = (heading: string, head: string): string[][] => {
  const from = page.indexOf(`\n## ${heading}`)
  const table = page.indexOf(`\n| ${head} |`, from)
  expect(from).toBeGreaterThan(0)
  expect(table).toBeGreaterThan(from)
  const rows: string[][] = []
  for (const line of page
    .slice(table + 1)
    .split("\n")
    .slice(2)) {
    if (!line.startsWith("|")) break
    rows.push(
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim().replaceAll("`", "")),
    )
  }
  return rows
}

const examples = new Map<string, Uint8Array>()
for (const [, name, hex] of page.matchAll(/```hex (\w+)\n([^`]*)```/g)) {
  examples.set(name, Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex")))
}

const queue = { shard: 17, generation: 5 }
const session = "f0".repeat(16)
const frame = encodeFrame([
  { body: packValue("a") },
  { body: packValue({ n: 7 }), key: Uint8Array.from(Buffer.from("k1")) },
])
const run = {
  epoch: 4,
  attempt: 0,
  failed: 0,
  returned: 0,
  redelivered: false,
  first: 1,
  last: 2,
  frame,
}
const settle = { outcome: "ack" as const, epoch: 4, attempt: 0, ranges: [1, 2] }
const declared = { call: "declare", payload: { name: "orders" } }
const gap = skeinError("SequenceGap", "frame 7 is next", { expected: 7 })
const fetch = {
  queue,
  session,
  fetchNumber: 1,
  messagesMax: 100,
  bytesMax: 262_144,
  waitMs: 1000,
  settles: [],
}
const producer = "000102030405060708090a0b0c0d0e0f"
const made: Record<string, Parts> = {
  hello: encodeHello({ min: 1, max: 1, token: "s3cret", client: "demo" }),
  welcome: encodeWelcome({
    version: 1,
    node: "n1",
    fabricId: "f",
    instance: "i",
    limits: { frameMessagesMax: 4096 },
  }),
  rpc: encodeEnvelope("rpc", 6, encodeRpcCall(declared)),
  publish: encodePublish(1, { queue, producer, frameNumber: 1, frame }),
  published: encodePublished(1, { first: 1, count: 2 }),
  openSession: encodeOpenSession(2, { session, leaseMs: 30_000 }),
  ok: encodeEnvelope("ok", 2),
  fetch: encodeFetch(3, fetch),
  fetched: encodeFetched(3, [run]),
  settle: encodeSettle(4, { queue, session, settles: [settle] }),
  settled: encodeSettled(4, []),
  error: encodeErrorEnvelope(5, gap),
}

describe("PROTOCOL.md", () => {
  it("has an example of each of these and no others", () => {
    expect([...examples.keys()].sort()).toEqual(Object.keys(made).sort())
  })

  it.each(Object.keys(made))("the %s of the example is what the codec makes", (name) => {
    const bytes = Buffer.concat(made[name]).toString("hex")
    expect(Buffer.from(examples.get(name) ?? []).toString("hex")).toBe(bytes)
  })

  it("the example is read back, envelope by envelope", () => {
    const reader = new EnvelopeReader()
    for (const [name, bytes] of examples) {
      const problem = reader.push(bytes, (kind, _, payload) => {
        expect(kindName(kind)).toBe(name)
        if (name === "publish") {
          const request = decodePublish(payload)
          if (request instanceof SkeinError) throw request
          expect(request).toMatchObject({ queue, producer, frameNumber: 1 })
          expect(request.frame).toEqual(frame)
        }
        return true
      })
      expect(problem).toBeUndefined()
      expect(reader.partialBytes).toBe(0)
    }
  })

  it("lists every kind with its number", () => {
    const listed = tableOf("3. Kinds", "kind").map(([number, name]) => [name, Number(number)])
    expect(Object.fromEntries(listed)).toEqual(kinds)
  })

  it("lists every error with its code, and whether a retry helps", () => {
    const listed = tableOf("11. Errors", "tag").map(([tag, code, retryable, next]) => [
      tag,
      { code, retryable: retryable === "yes", next },
    ])
    const wanted = Object.entries(errorTable).map(([tag, entry]) => [
      tag,
      { ...entry, next: entry.next.replaceAll("`", "") },
    ])
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(wanted))
  })

  it("lists the limits of a welcome", () => {
    const listed = tableOf("12. Limits", "limit").map(([name, value]) => [name, Number(value)])
    expect(Object.fromEntries(listed)).toEqual(welcomeLimits)
  })

  it("lists the admin calls", () => {
    const listed = tableOf("10. Admin calls", "call").map(([name]) => name)
    expect(listed).toEqual([...AdminRpcs.requests.keys()])
  })
})
