import { defaultQueuePolicy, InvariantViolation } from "@skein/model"
import { describe, expect, it } from "vitest"
import { checkpointDelta } from "../checkpoint.js"
import { decide } from "../decide.js"
import { evolve } from "../evolve.js"
import { counts, emptyQueue, framesDied } from "../QueueState.js"
import { Bench, refusal } from "../testing/Bench.js"

const now = { journalMs: 0, monotonicMs: 0 }
const create = { _tag: "Create", name: "q", policy: defaultQueuePolicy, epoch: 3 } as const

describe("the life of a queue", () => {
  it("begins with Created and Opened; a repeat changes nothing", () => {
    const state = emptyQueue(1)
    const { events } = decide(state, create, now)
    expect(events.map(({ _tag }) => _tag)).toEqual(["Created", "Opened"])
    for (const event of events) evolve(state, event)
    expect(decide(state, create, now).events).toEqual([])
  })

  it("refuses everything before, and after it was deleted", () => {
    const bench = new Bench()
    bench.publish(3)
    bench.wait("a", 1)
    bench.deliver()
    bench.wait("a", 2)
    checkpointDelta(bench.state)
    expect(bench.run({ _tag: "Delete" }).deliveries).toEqual([
      { session: "a", fetchNumber: 2, runs: [] },
    ])
    expect(refusal(bench.publish(1))).toBe("QueueNotFound")
    expect(refusal(decide(emptyQueue(1), { _tag: "Purge" }, now))).toBe("QueueNotFound")
    expect(bench.run({ _tag: "Delete" }).events).toEqual([])
    expect(counts(bench.state)).toMatchObject({ total: 0, bytes: 0, producers: 0 })
    expect(framesDied(bench.state)).toEqual([{ first: 1, location: 10, bytes: 30 }])
    expect(checkpointDelta(bench.state)).toEqual({ put: [], drop: ["q7/h", "q7/b0", "q7/p10"] })
  })

  it("never opens under an epoch that is not newer", () => {
    const bench = new Bench()
    expect(() => bench.open(1)).toThrow(InvariantViolation)
    expect(() => bench.run(create)).not.toThrow()
  })
})

it("an event that cannot have happened is an InvariantViolation", () => {
  const bench = new Bench()
  bench.publish(2)
  const impossible = [
    { _tag: "Ended", outcome: "ack", ranges: [5, 6] },
    { _tag: "Ended", outcome: "fail", ranges: [3, 3] },
    { _tag: "Touched", block: 9 },
    { _tag: "Opened", epoch: 1 },
    { _tag: "MessagesPurged", ranges: [1, 9000] },
    { _tag: "Created", name: "x", policy: defaultQueuePolicy },
  ] as const
  for (const event of impossible) {
    expect(() => evolve(bench.state, event)).toThrow(InvariantViolation)
  }
})
