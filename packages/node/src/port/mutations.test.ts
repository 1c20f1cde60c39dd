/**
 * 10,000 valid client streams, each changed at random: cut, bytes changed, parts repeated, removed
 * or swapped. The port must answer or close each, serve a bystander all the while, and keep
 * nothing.
 */
import { systemClock } from "@skein/journal"
import {
  encodeEnvelope,
  encodeExtend,
  encodeFetch,
  encodeHello,
  encodeOpenSession,
  encodePublish,
  encodeRpcCall,
  encodeSettle,
} from "@skein/wire"
import { expect, it } from "vitest"
import { nothingKept, openPort, stopNow } from "./testing/PortRig.js"
import { RawClient } from "./testing/RawClient.js"
import { fetchOf, frameOf, publishOf, runOf } from "./testing/StubFabric.js"

const streams = 10_000
const atOnce = 50

/** Small and fast, and the same for the same seed (Mulberry32). */
const randomOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const session = "cd".repeat(16)
const settles = [{ outcome: "ack" as const, epoch: 1, attempt: 0, ranges: [1, 1, 3, 9] }]
const { queue } = fetchOf()
const valid: readonly Uint8Array[] = [
  encodeHello({ min: 1, max: 1, client: "mutant" }),
  encodeOpenSession(1, { session, leaseMs: 5000 }),
  encodePublish(2, publishOf(frameOf(3, 40))),
  encodeFetch(3, fetchOf({ settles })),
  encodeSettle(4, { queue, session, settles }),
  encodeExtend(5, { queue, session, epoch: 1, ranges: [1, 5] }),
  encodeEnvelope("rpc", 6, encodeRpcCall({ call: "declare", payload: { name: "orders" } })),
  encodeEnvelope("ping", 7),
  encodeEnvelope("cancelFetch", 3),
].map((parts) => Uint8Array.from(Buffer.concat(parts)))

const mutate = (random: (below: number) => number): Uint8Array => {
  const parts = [...valid]
  const at = () => random(parts.length)
  for (let i = random(3); i > 0; i--) {
    const how = random(4)
    if (how === 0) parts.splice(at(), 1)
    if (how === 1) parts.splice(at(), 0, parts[at()])
    if (how === 2) parts.push(...parts.splice(at(), 1))
    if (how === 3) parts[at()] = Uint8Array.from({ length: random(60) }, () => random(256))
    if (parts.length === 0) return new Uint8Array(0)
  }
  const stream = Buffer.concat(parts)
  // Nine in ten keep their hello, or most would end there.
  const from = random(10) === 0 ? 0 : Math.min(valid[0].length, stream.length)
  for (let i = random(4); i > 0 && stream.length > from; i--) {
    stream[from + random(stream.length - from)] = random(256)
  }
  return random(5) === 0 ? stream.subarray(0, random(stream.length + 1)) : stream
}

it("10,000 changed streams: no crash, no hang, nothing kept", { timeout: 120_000 }, async () => {
  const { fabric, events, port, address } = await openPort({ clock: systemClock })
  fabric.runs = [runOf(frameOf(2, 20), 2)]
  const bystander = await RawClient.open(address.port)
  let rssBefore = 0
  let answered = 0
  let refused = 0
  const one = async (seed: number): Promise<void> => {
    const client = new RawClient(address.port)
    client.socket.end(mutate(randomOf(seed)))
    await client.closed
    answered += client.received.length
    if (client.received.some(({ kind, correlation }) => kind === "error" && correlation === 0)) {
      refused++
    }
  }
  for (let seed = 1; seed <= streams; seed += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, i) => one(seed + i)))
    expect(await bystander.ping()).toBe(true)
    fabric.publishes.length = 0
    fabric.fetches.length = 0
    fabric.settles.length = 0
    if (seed + atOnce > streams / 2 && rssBefore === 0) rssBefore = process.memoryUsage().rss
  }
  await bystander.end()
  await stopNow(port)
  expect(events.filter(({ _tag }) => _tag === "RequestFault")).toEqual([])
  expect(port.counters()).toMatchObject(nothingKept)
  // The streams did reach both sides of each check.
  expect(answered).toBeGreaterThan(streams)
  expect(refused).toBeGreaterThan(streams / 20)
  // Flat: the second half of the streams added nothing that stays.
  expect(process.memoryUsage().rss - rssBefore).toBeLessThan(64 * 1024 * 1024)
})
