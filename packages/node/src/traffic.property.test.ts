/**
 * Random traffic on several queues and shards, checkpoints at any moment, crashes at any moment,
 * against a model that only remembers what clients were told.
 */
import type { ReplayedRecord } from "@skein/journal"
import type { Generation } from "@skein/model"
import {
  decodeEvents,
  digest,
  emptyQueue,
  evolve,
  generationOfKey,
  isCatalogEvent,
  type QueueState,
  restoreQueue,
  type StateChunk,
} from "@skein/queue"
import type { DeliveredRun, QueueInfo } from "@skein/wire"
import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import { NaiveJournal, NaiveStore } from "./testing/NaiveJournal.js"
import { bodiesOf, Rig, session } from "./testing/Rig.js"

const shards = 3
const queueNames = ["a", "b", "c", "d"]

/** What clients of one queue know. */
class Known {
  fetchNumber = 0
  producers = 0
  frameNumber = 0
  /** Sent, in order. */
  readonly sent: string[] = []
  readonly confirmed = new Set<string>()
  /** An ack was sent; and was confirmed. */
  readonly acking = new Set<string>()
  readonly acked = new Set<string>()
  held: { readonly run: DeliveredRun; readonly bodies: readonly string[] }[] = []

  constructor(readonly queue: QueueInfo) {}
}

const step = fc.record({
  what: fc.constantFrom(
    "publish" as const,
    "publish" as const,
    "fetch" as const,
    "fetch" as const,
    "ack" as const,
    "return" as const,
    "checkpoint" as const,
    "move" as const,
    "hold" as const,
    "let" as const,
    "wait" as const,
    "time" as const,
    "compare" as const,
    "crash" as const,
  ),
  queue: fc.nat({ max: queueNames.length - 1 }),
  count: fc.integer({ min: 1, max: 5 }),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

class Traffic {
  private readonly pending = new Set<Promise<void>>()
  private bodies = 0

  private constructor(
    readonly store: NaiveStore,
    readonly rig: Rig,
    readonly known: readonly Known[],
  ) {}

  static async start(): Promise<Traffic> {
    const store = new NaiveStore()
    const rig = await Rig.open(shards, () => new NaiveJournal(store))
    const known = []
    for (const name of queueNames) known.push(new Known(await rig.declare(name)))
    return new Traffic(store, rig, known)
  }

  async run({ what, queue, count }: Step): Promise<void> {
    const known = this.known[queue]
    switch (what) {
      case "publish":
        return this.publish(known, count)
      case "fetch":
        return this.fetch(known, count)
      case "ack":
      case "return":
        return this.settle(known, what)
      case "checkpoint":
        return new NaiveJournal(this.store).checkpoint(known.queue.shard)
      case "move":
        return new NaiveJournal(this.store).move(known.queue.shard)
      case "hold":
        return this.rig.journal.hold()
      case "let":
        return this.rig.journal.let()
      case "wait":
        return this.rig.settled()
      case "time":
        return this.rig.advance(count * 400)
      case "compare":
        return this.compare()
      case "crash":
        return this.crash()
    }
  }

  /** Everything in flight is answered. */
  async quiet(): Promise<void> {
    this.rig.journal.let()
    await this.rig.settled()
    this.rig.clock.advance(50)
    await Promise.all(this.pending)
  }

  private track(call: Promise<unknown>): void {
    const end = (): void => void this.pending.delete(tracked)
    const tracked: Promise<void> = call.then(end, end)
    this.pending.add(tracked)
  }

  private publish(known: Known, count: number): void {
    const bodies = Array.from({ length: count }, () => `m${++this.bodies}`)
    known.sent.push(...bodies)
    known.frameNumber += 1
    // After a crash the client of this model is a new one: it does not repeat what was in flight.
    const producer = known.producers.toString(16).padStart(32, "0")
    const call = this.rig.publishAs(known.queue, producer, known.frameNumber, bodies)
    this.track(
      call.then(() => {
        for (const body of bodies) known.confirmed.add(body)
      }),
    )
  }

  private fetch(known: Known, messagesMax: number): void {
    known.fetchNumber += 1
    const { fetchNumber } = known
    const call = this.rig.fetch(known.queue, { fetchNumber, messagesMax, waitMs: 30 })
    this.track(
      call.delivered.then((runs) => {
        for (const run of runs) known.held.push({ run, bodies: bodiesOf([run]) })
      }),
    )
  }

  private settle(known: Known, outcome: "ack" | "return"): void {
    const held = known.held.shift()
    if (held === undefined) return
    const { run, bodies } = held
    const { epoch, attempt, first, last } = run
    expect(run.selection).toBeUndefined()
    if (outcome === "ack") for (const body of bodies) known.acking.add(body)
    const settles = [{ outcome, epoch, attempt, ranges: [first, last] }]
    const call = this.rig.core.broker.settle({ queue: known.queue, session, settles })
    this.track(
      call.then((lost) => {
        if (outcome === "ack" && lost.length === 0) for (const body of bodies) known.acked.add(body)
      }),
    )
  }

  /** Nothing is in flight: what would be replayed is what is there, and what clients know. */
  private async compare(): Promise<void> {
    await this.quiet()
    for (const known of this.known) {
      const counts = await this.rig.counts(known.queue)
      expect(counts.total).toBe(counts.ready + counts.leased)
    }
    for (let shard = 0; shard < shards; shard++) {
      expect(await replayed(this.store, shard)).toEqual(this.rig.core.digests(shard))
    }
  }

  private async crash(): Promise<void> {
    await this.rig.crash()
    this.pending.clear()
    for (const known of this.known) {
      known.producers += 1
      known.frameNumber = 0
      known.fetchNumber = 0
      known.held = []
    }
  }

  /** After a last crash: everything confirmed and not acked comes, once, in order. */
  async end(): Promise<void> {
    await this.quiet()
    await this.crash()
    for (const known of this.known) {
      const got: string[] = []
      for (let round = 0; round < 200; round++) {
        known.fetchNumber += 1
        const { fetchNumber } = known
        const runs = await this.rig.fetch(known.queue, { fetchNumber }).delivered
        if (runs.length === 0) break
        got.push(...bodiesOf(runs))
      }
      const sent = new Map(known.sent.map((body, at) => [body, at]))
      const places = got.map((body) => sent.get(body) ?? -1)
      expect(places.every((place, at) => place > (places[at - 1] ?? -1))).toBe(true)
      const there = new Set(got)
      for (const body of known.confirmed) {
        if (!known.acking.has(body)) expect(there.has(body), `${body} is lost`).toBe(true)
      }
      for (const body of known.acked) expect(there.has(body), `${body} came back`).toBe(false)
    }
  }
}

/** Digests of the queues as a replay that knows nothing of the node finds them. */
const replayed = async (
  store: NaiveStore,
  shard: number,
): Promise<ReadonlyMap<Generation, string>> => {
  const { chunks, records } = store.of(shard)
  const byQueue = new Map<Generation, StateChunk[]>()
  for (const [key, bytes] of chunks) {
    const generation = generationOfKey(key)
    if (generation === undefined) continue
    byQueue.set(generation, [...(byQueue.get(generation) ?? []), { key, bytes }])
  }
  const states = new Map<Generation, QueueState>()
  for (const [generation, list] of byQueue) states.set(generation, restoreQueue(list))
  for (const record of records) replayRecord(record, states)
  return new Map([...states].map(([generation, state]) => [generation, digest(state)]))
}

const replayRecord = ({ events }: ReplayedRecord, states: Map<Generation, QueueState>): void => {
  const view = new DataView(events.buffer, events.byteOffset, events.length)
  for (let at = 0; at < events.length; ) {
    const generation = view.getFloat64(at, true)
    const end = at + 13 + view.getUint32(at + 9, true)
    for (const { event } of decodeEvents(events.subarray(at + 13, end))) {
      if (isCatalogEvent(event)) continue
      const state = states.get(generation) ?? emptyQueue(generation)
      states.set(generation, state)
      evolve(state, event)
    }
    at = end
  }
}

it("loses and invents nothing and replays to the same state, whatever happens when", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 120 }), async (steps) => {
      const traffic = await Traffic.start()
      for (const one of steps) await traffic.run(one)
      await traffic.end()
      expect(traffic.rig.faults).toEqual([])
      expect(traffic.rig.journal.reserved).toBe(0)
    }),
    { numRuns: 300 },
  )
}, 60_000)
