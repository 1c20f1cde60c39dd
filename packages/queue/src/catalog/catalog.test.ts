import { defaultQueuePolicy, InvariantViolation, isSkeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { decodeEvents, encodeEvents } from "../codec/eventCodec.js"
import type { CatalogCommand } from "./CatalogCommand.js"
import type { CatalogDecision } from "./CatalogDecision.js"
import { isCatalogEvent } from "./CatalogEvent.js"
import { type CatalogState, catalogDigest, doomedQueues, emptyCatalog } from "./CatalogState.js"
import { catalogCheckpointDelta, isCatalogKey, restoreCatalog } from "./catalogCheckpoint.js"
import { decideCatalog } from "./decideCatalog.js"
import { evolveCatalog } from "./evolveCatalog.js"

const policy = defaultQueuePolicy

const run = (state: CatalogState, command: CatalogCommand): CatalogDecision => {
  const before = catalogDigest(state)
  const decision = decideCatalog(state, command)
  expect(catalogDigest(state)).toBe(before)
  for (const event of decision.events) evolveCatalog(state, event)
  return decision
}

const declare = (state: CatalogState, name: string, shard = 0) =>
  run(state, { _tag: "Declare", name, policy, shard }).reply

describe("the catalog", () => {
  it("declares once; a repeat gets the same queue, another policy is refused", () => {
    const state = emptyCatalog()
    const queue = { shard: 5, generation: 1 }
    expect(declare(state, "orders", 5)).toEqual({ _tag: "Declared", queue, created: true })
    expect(declare(state, "orders", 9)).toEqual({ _tag: "Declared", queue, created: false })
    const other = { ...policy, leaseMs: policy.leaseMs + 1, messagesMax: 7 }
    expect(
      run(state, { _tag: "Declare", name: "orders", policy: other, shard: 5 }).reply,
    ).toMatchObject({
      _tag: "Refused",
      error: {
        _tag: "PolicyMismatch",
        detail:
          "queue orders exists with other settings: " +
          "leaseMs is 30000, not 30001; messagesMax is 50000000, not 7",
        data: { leaseMs: policy.leaseMs, messagesMax: policy.messagesMax },
      },
    })
    expect(declare(state, "no spaces")).toMatchObject({ error: { _tag: "QueueNameInvalid" } })
  })

  it("removes with a repeat that is safe, and never uses a generation again", () => {
    const state = emptyCatalog()
    declare(state, "orders", 5)
    const removed = { _tag: "Removed", queue: { shard: 5, generation: 1 } }
    expect(run(state, { _tag: "Remove", name: "orders" }).reply).toEqual(removed)
    expect(run(state, { _tag: "Remove", name: "orders" }).reply).toEqual(removed)
    expect(doomedQueues(state, 5)).toMatchObject([{ name: "orders", generation: 1 }])
    expect(doomedQueues(state, 4)).toEqual([])
    expect(declare(state, "orders", 6)).toMatchObject({ queue: { shard: 6, generation: 2 } })
    run(state, { _tag: "Bury", generation: 1 })
    expect(run(state, { _tag: "Bury", generation: 1 }).events).toEqual([])
    expect(doomedQueues(state, 5)).toEqual([])
    expect(run(state, { _tag: "Remove", name: "nothing" }).reply).toEqual({ _tag: "Removed" })
    expect(run(state, { _tag: "Lookup", name: "orders" }).reply).toMatchObject({
      queue: { generation: 2, shard: 6 },
    })
    expect(run(state, { _tag: "LookupGeneration", generation: 1 }).reply).toEqual({ _tag: "Found" })
  })

  it("refuses events that cannot have happened", () => {
    const state = emptyCatalog()
    for (const event of [
      { _tag: "QueueRemoved", generation: 1 },
      { _tag: "QueueBuried", generation: 1 },
      { _tag: "QueueDeclared", name: "q", policy, shard: 0, generation: 2 },
    ] as const) {
      expect(() => evolveCatalog(state, event)).toThrow(InvariantViolation)
    }
  })

  it("lists 10,000 queues page by page, in order", () => {
    const state = emptyCatalog()
    for (let at = 0; at < 10_000; at++) declare(state, `q.${(at * 7919) % 10_000}`)
    const names: string[] = []
    let after: string | undefined
    do {
      const { reply } = run(state, {
        _tag: "List",
        prefix: "q.",
        rowsMax: 999,
        ...(after === undefined ? {} : { after }),
      })
      if (reply._tag !== "Listed") throw new Error(reply._tag)
      names.push(...reply.queues.map(({ name }) => name))
      after = reply.next
    } while (after !== undefined)
    expect(names).toHaveLength(10_000)
    expect(names).toEqual([...names].sort())
  })
})

describe("the catalog against a map", () => {
  const step = fc.tuple(fc.nat(5), fc.nat(30), fc.nat(7))

  it("random commands, replay, checkpoints", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const state = emptyCatalog()
        const chunks = new Map<string, Uint8Array>()
        let replica = emptyCatalog()
        const model = new Map<string, number>()
        let made = 0
        for (const [kind, pick, shard] of steps) {
          const name = `n${pick}`
          if (kind === 5) {
            const delta = catalogCheckpointDelta(state)
            for (const { key, bytes } of delta.put) chunks.set(key, bytes)
            for (const key of delta.drop) expect(chunks.delete(key)).toBe(true)
            if (chunks.size > 0) {
              replica = restoreCatalog([...chunks].map(([key, bytes]) => ({ key, bytes })))
            }
            continue
          }
          const command: CatalogCommand =
            kind <= 2
              ? { _tag: "Declare", name, policy, shard }
              : kind === 3
                ? { _tag: "Remove", name }
                : { _tag: "Bury", generation: pick }
          const { events } = run(state, command)
          const stored = encodeEvents(events.map((event) => ({ generation: 0, event })))
          for (const { event } of decodeEvents(stored)) {
            if (isCatalogEvent(event)) evolveCatalog(replica, event)
          }
          if (kind <= 2 && !model.has(name)) model.set(name, ++made)
          if (kind === 3) model.delete(name)
          expect(catalogDigest(replica)).toBe(catalogDigest(state))
          const { reply } = run(state, { _tag: "List", prefix: "n1", rowsMax: 100 })
          const expected = [...model]
            .filter(([known]) => known.startsWith("n1"))
            .sort(([a], [b]) => (a < b ? -1 : 1))
          expect(
            reply._tag === "Listed" && reply.queues.map((queue) => [queue.name, queue.generation]),
          ).toEqual(expected)
        }
      }),
      { numRuns: 200 },
    )
  })

  it("a damaged checkpoint is ShardCorrupt", () => {
    const state = emptyCatalog()
    for (let at = 0; at < 300; at++) declare(state, `q${at}`)
    const { put } = catalogCheckpointDelta(state)
    expect(put.map(({ key }) => key)).toEqual(["c/h", "c/g0", "c/g1"])
    expect(put.every(({ key }) => isCatalogKey(key))).toBe(true)
    for (let missing = 0; missing < put.length; missing++) {
      try {
        restoreCatalog(put.filter((_, at) => at !== missing))
        expect.unreachable()
      } catch (error) {
        expect(isSkeinError(error) && error._tag).toBe("ShardCorrupt")
      }
    }
  })
})
