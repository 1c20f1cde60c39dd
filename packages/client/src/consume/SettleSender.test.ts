import { isSkeinError, type Outcome, skeinError } from "@skein/model"
import type { SettleAnswer, SettleRequest } from "@skein/wire"
import { describe, expect, it } from "vitest"
import { Deferred } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import { Session } from "./SessionKeeper.js"
import { SettleSender } from "./SettleSender.js"
import { MessageSettle } from "./SettleWaiters.js"

/** A sender over one connection and then others, whose settles the test answers. */
const setup = async () => {
  const clock = new TestClock()
  const asked: { readonly request: SettleRequest; readonly answer: Deferred<SettleAnswer> }[] = []
  const settle = (request: SettleRequest): Promise<SettleAnswer> => {
    const answer = new Deferred<SettleAnswer>()
    asked.push({ request, answer })
    return answer.promise
  }
  const connection = async (): Promise<FabricConnection> => {
    const open = await new FakeFabric(clock).open()
    const { admin, broker, closed } = open
    return { admin, broker: { ...broker, settle }, closed, close: () => open.close() }
  }
  let fabric = await connection()
  /** The shard is at another node now; requests over the older connection are still open. */
  const follow = async (): Promise<void> => {
    sender.linkDown()
    fabric = await connection()
    sender.sendAlone()
    await settleAll()
  }
  const session = new Session("s")
  const sender = new SettleSender(
    testRuntime(clock),
    { shard: 0, generation: 1 },
    {
      fabric: () => fabric,
      session: () => session,
      sessionUnknown: (unknownTo) => session.forget(unknownTo),
      broken: () => undefined,
      wake: () => sender.sendAlone(),
    },
  )
  const add = (outcome: Outcome, sequence: number): Promise<string> => {
    const waiter = new MessageSettle(sequence, clock.monotonicMs() + 30_000, 30_000)
    sender.add(outcome, { epoch: 1, attempt: 0 }, sequence, sequence, waiter)
    return waiter.promise.then(
      () => "ok",
      (error: unknown) => (isSkeinError(error) ? error._tag : String(error)),
    )
  }
  return { clock, asked, sender, add, follow }
}

describe("SettleSender", () => {
  it("brings every load again, also one that hears late that the session is unknown", async () => {
    const { clock, asked, sender, add } = await setup()
    const first = add("ack", 1)
    sender.sendAlone()
    await settleAll()
    const second = add("ack", 2)
    sender.sendAlone()
    await settleAll()
    expect(asked.length).toBe(2)
    const unknown = skeinError("SessionUnknown", "s")
    asked[0].answer.reject(unknown)
    await clock.advance(1000)
    expect(asked.length).toBe(3)
    asked[2].answer.resolve([])
    expect(await first).toBe("ok")
    // The session is open again by now; the other answer to it comes only here.
    asked[1].answer.reject(unknown)
    await clock.advance(1000)
    expect(asked[3].request.settles[0].ranges).toEqual([2, 2])
    asked[3].answer.resolve([])
    expect(await second).toBe("ok")
    await sender.idle()
    sender.close(skeinError("FabricClosed", "over"))
    expect(clock.timers).toBe(0)
  })

  it("fails who waits for an answer that does not fit its settles", async () => {
    const { asked, sender, add } = await setup()
    const ends = Promise.all([add("ack", 1), add("fail", 2)])
    sender.sendAlone()
    await settleAll()
    asked[0].answer.resolve([[]])
    expect(await ends).toEqual(["ProtocolError", "ProtocolError"])
    await sender.idle()
  })

  it("does not take a former owner's LeaseLost for what the next one is asked", async () => {
    const { asked, sender, add, follow } = await setup()
    const ack = add("ack", 1)
    sender.sendAlone()
    await settleAll()
    await follow()
    // It had handed the message out anew; to its successor this ack is of the latest delivery.
    asked[0].answer.resolve([[1, 1]])
    await settleAll()
    asked[1].answer.resolve([])
    expect(await ack).toBe("ok")
    await sender.idle()
  })

  it("takes a former owner's ok at once, and its LeaseLost when nobody else is asked", async () => {
    const { asked, sender, add, follow } = await setup()
    const [first, second] = [add("ack", 1), add("fail", 2)]
    sender.sendAlone()
    await settleAll()
    await follow()
    asked[0].answer.resolve([])
    expect(await Promise.all([first, second])).toEqual(["ok", "ok"])
    asked[1].answer.resolve([
      [1, 1],
      [2, 2],
    ])
    const third = add("ack", 3)
    sender.sendAlone()
    await settleAll()
    sender.linkDown()
    asked[2].answer.resolve([[3, 3]])
    expect(await third).toBe("LeaseLost")
    await sender.idle()
  })
})
