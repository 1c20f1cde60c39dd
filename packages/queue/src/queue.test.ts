/**
 * Random command sequences against a naive model (testing/Shadow.ts), a replica that replays what
 * is durable, checkpoints and crashes. SKEIN_TEST_SEQUENCES sets how many (default 2,000).
 */
import { serialize } from "node:v8"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import type { Settle } from "./Command.js"
import { checkInvariants } from "./checkInvariants.js"
import { Rig, same } from "./testing/Rig.js"

const sequences = Number(process.env.SKEIN_TEST_SEQUENCES ?? 2_000)
const producers = ["a", "b", "c"].map((digit) => digit.repeat(32))
const sessions = ["1", "2", "3"].map((digit) => digit.repeat(32))
const outcomes = ["ack", "ack", "ack", "reject", "return", "fail"] as const

type Step = readonly [number, number, number]
type Act = (rig: Rig, a: number, b: number) => void

const publishNew: Act = (rig, a, b) => {
  const producer = producers[a % 3]
  const count = b % 400 === 0 ? 700 : 1 + (b % 12)
  const withIds = a % 4 === 0 && count < 100
  const ids = withIds ? Array.from({ length: count }, (_, at) => idOf(a * 7 + b * at)) : []
  const frameNumber = rig.nextFrame.get(producer) ?? 1
  rig.publish(
    rig.newPublish(producer, frameNumber, count, withIds ? columnOf(ids) : undefined),
    ids,
  )
}

/** Few different ids, so that they repeat; some messages have none. */
const idOf = (seed: number): string => (seed % 5 === 0 ? "" : String(seed % 37))

const columnOf = (ids: readonly string[]): Uint8Array => {
  const column = new Uint8Array(ids.length * 16)
  ids.forEach((id, at) => {
    if (id !== "") column.set([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, Number(id)], at * 16)
  })
  return column
}

const publishOdd: Act = (rig, a, b) => {
  const producer = producers[a % 3]
  const next = rig.nextFrame.get(producer) ?? 1
  const frameNumber = Math.max(1, next + 2 - (b % 22))
  rig.publish(rig.newPublish(producer, frameNumber, 1 + (b % 5)), [])
}

const fetchNumbers = (rig: Rig, session: string): number => {
  const rigNumbers = numbersOf(rig)
  return rigNumbers.get(session) ?? 0
}
const numbers = new WeakMap<Rig, Map<string, number>>()
const numbersOf = (rig: Rig): Map<string, number> => {
  const there = numbers.get(rig) ?? new Map<string, number>()
  numbers.set(rig, there)
  return there
}

const fetch: Act = (rig, a, b) => {
  const session = sessions[a % 3]
  const last = fetchNumbers(rig, session)
  // One in five repeats an earlier number.
  const fetchNumber = b % 5 === 0 && last > 0 ? Math.max(1, last - (a % 4)) : last + 1
  if (rig.shadow.waiting(session) >= 16 && !rig.shadow.isWaiting(session, fetchNumber)) return
  numbersOf(rig).set(session, Math.max(last, fetchNumber))
  rig.fetch({
    _tag: "Fetch",
    session,
    fetchNumber,
    messagesMax: 1 + (b % 40),
    bytesMax: a % 7 === 0 ? 35 : 100_000,
    waitMs: a % 3 === 0 ? 0 : 400,
    settles: b % 3 === 0 ? settlesOf(rig, a, b) : [],
  })
}

/** Settles of messages that were delivered at some time, of one epoch and attempt. */
const settlesOf = (rig: Rig, a: number, b: number): Settle[] => {
  const settles: Settle[] = []
  for (let part = 0; part <= a % 2 && rig.delivered.length > 0; part++) {
    const recent = Math.min(rig.delivered.length, 60)
    const pick = rig.delivered[rig.delivered.length - 1 - ((b + part * 13) % recent)]
    const first = pick.sequence
    const last = first + (a % 3 === 0 ? 0 : (a >>> 3) % 30)
    const ranges = b % 4 === 0 ? [first, first, first + 2, last + 2] : [first, last]
    settles.push({
      outcome: outcomes[(a + part) % outcomes.length],
      epoch: pick.epoch,
      attempt: pick.attempt,
      ranges,
    })
  }
  return settles
}

const settle: Act = (rig, a, b) => rig.settle(sessions[b % 3], settlesOf(rig, a, b))

const settleOdd: Act = (rig, a, b) => {
  const first = 1 + (b % (rig.shadow.next + 3))
  rig.settle("nobody", [
    {
      outcome: outcomes[a % outcomes.length],
      epoch: Math.max(1, rig.shadow.epoch + 1 - (a % 3)),
      attempt: b % 3,
      ranges: [first, first + (a % 9)],
    },
  ])
}

const extend: Act = (rig, a, b) => {
  const recent = rig.delivered.at(-1 - (b % 20))
  if (recent === undefined) return
  const command = {
    _tag: "Extend",
    session: sessions[a % 3],
    epoch: b % 3 === 0 ? recent.epoch : rig.shadow.epoch - (b % 11 === 0 ? 1 : 0),
    ranges: [recent.sequence, recent.sequence + (a % 15)],
    ...(a % 2 === 0 ? { leaseMs: 200 + (b % 3_000) } : {}),
  } as const
  const { reply } = rig.run(command)
  const lost = rig.shadow.extend(command, rig.now.monotonicMs)
  if (reply._tag !== "Extended") throw new Error("extend")
  const found: number[] = []
  for (let at = 0; at < reply.lost.length; at += 2) {
    for (let seq = reply.lost[at]; seq <= reply.lost[at + 1]; seq++) found.push(seq)
  }
  same(found, lost, "lost extensions")
}

const cancel: Act = (rig, a, b) => {
  const session = sessions[a % 3]
  const fetchNumber = Math.max(1, fetchNumbers(rig, session) - (b % 3))
  rig.run({ _tag: "CancelFetch", session, fetchNumber })
  rig.shadow.cancel(session, fetchNumber)
}

const endSession: Act = (rig, a, b) => {
  if (b % 3 !== 0) return
  const session = sessions[a % 3]
  const reason = a % 2 === 0 ? "closed" : "lost"
  const { deliveries } = rig.run({ _tag: "EndSession", session, reason })
  const waiting = rig.shadow.endSession(session, reason)
  same(
    deliveries.map(({ fetchNumber }) => fetchNumber),
    waiting,
    "answers to an ended session",
  )
  numbersOf(rig).delete(session)
}

const purge: Act = (rig, _a, b) => {
  if (b % 5 !== 0) return
  const { reply } = rig.run({ _tag: "Purge" })
  same(reply._tag === "Purged" && reply.messages, rig.shadow.purge(), "purged")
}

const peek: Act = (rig, a, b) => {
  const command = {
    _tag: "Peek",
    from: 1 + (b % rig.shadow.next),
    messagesMax: 1 + (a % 30),
    bytesMax: 1e9,
  } as const
  const { reply } = rig.run(command)
  if (reply._tag !== "Peeked") throw new Error("peek")
  same(rig.seenOf(reply.runs), rig.shadow.peek(command), "peeked")
}

const tick: Act = (rig, a, b) => {
  rig.advance(a % 300)
  rig.tick(b % 10 === 0 ? a % 500 : 0)
}

const jump: Act = (rig, a) => {
  rig.advance(a % 10 === 0 ? 3_600_000 : a % 6_000)
}

/** One in four is taken back by the owner. */
const move: Act = (rig, a, b) => rig.move(a % 50, b % 4 !== 0)

const acts: readonly (readonly [weight: number, act: Act])[] = [
  [22, publishNew],
  [5, publishOdd],
  [18, fetch],
  [18, (rig) => rig.deliver()],
  [14, settle],
  [3, settleOdd],
  [3, extend],
  [2, cancel],
  [2, endSession],
  [1, purge],
  [2, peek],
  [5, tick],
  [1, jump],
  [2, (rig) => rig.checkpoint()],
  [1, (rig) => rig.crash()],
  [1, move],
]
const table = acts.flatMap(([weight, act]) => new Array<Act>(weight).fill(act))

const play = (steps: readonly Step[], start: number, thorough: boolean): Rig => {
  const rig = new Rig(thorough ? serialize : undefined)
  if (start > 0) {
    // Begin just before the end of a block.
    for (let left = start; left > 0; left -= 4096) {
      const number = rig.nextFrame.get(producers[0]) ?? 1
      rig.publish(rig.newPublish(producers[0], number, Math.min(left, 4096)), [])
    }
    rig.run({ _tag: "Purge" })
    rig.shadow.purge()
    rig.compare()
  }
  for (const [kind, a, b] of steps) {
    table[kind % table.length](rig, a, b)
    rig.compare()
  }
  return rig
}

const step = fc.tuple(fc.nat(table.length - 1), fc.nat(9_999), fc.nat(9_999))
const starts = fc.constantFrom(0, 0, 4_050, 8_185)

describe("the queue against its model", () => {
  // In parts, so that the runner hears of it meanwhile.
  const parts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  it.each(parts)(
    `${sequences} sequences of 200 commands, part %i of 10`,
    { timeout: 60_000 + sequences * 50 },
    async () => {
      await new Promise((done) => setImmediate(done))
      fc.assert(
        fc.property(
          fc.array(step, { minLength: 200, maxLength: 200, size: "max" }),
          starts,
          fc.nat(9),
          (steps, start, luck) => {
            const rig = play(steps, start, luck === 0)
            checkInvariants(rig.state)
          },
        ),
        // Shrinking takes minutes: on when asked for, with the seed that a failure prints.
        {
          numRuns: Math.ceil(sequences / 10),
          endOnFailure: process.env.SKEIN_TEST_SHRINK === undefined,
        },
      )
    },
  )

  it("covers every kind of command", () => {
    expect(table.length).toBe(100)
  })
})
