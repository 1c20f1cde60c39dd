import { noBackoff } from "@skein/supervision"
import { Data, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { describe, expect, expectTypeOf, it } from "vitest"
import type { Message } from "../index.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import {
  Consumer,
  Policy,
  type PublishError,
  Publisher,
  Queue,
  Queues,
  Skein,
  Supervisor,
  Worker,
} from "./index.js"

const bytes = Queue.bytes("q")

class Declined extends Data.TaggedError("Declined")<{ readonly times: number }> {}
class Away extends Data.TaggedError("Away") {}

const setup = () => {
  const clock = new TestClock()
  const fabric = new FakeFabric(clock)
  const layer = Skein.layerFabric(fabric.open, { runtime: testRuntime(clock) })
  const run = <A, E>(effect: Effect.Effect<A, E, Skein>) =>
    Effect.runPromiseExit(Effect.provide(effect, layer))
  return { clock, fabric, run }
}

const publish = (count: number) =>
  Effect.zipRight(
    Queues.declare(bytes),
    Publisher.publishMany(
      bytes,
      Array.from({ length: count }, (_, i) => Uint8Array.of(i)),
    ),
  )

describe("the Effect API", () => {
  it("has typed errors that can be caught by tag", async () => {
    const { run } = setup()
    const publishing = Publisher.publish(bytes, Uint8Array.of(1))
    expectTypeOf<Effect.Effect.Error<typeof publishing>>().toEqualTypeOf<PublishError>()
    const caught = publishing.pipe(
      Effect.as("stored"),
      Effect.catchTag("QueueNotFound", (error) => Effect.succeed(error.code)),
    )
    expect(await run(caught)).toEqual(Exit.succeed("SKEIN_QUEUE_NOT_FOUND"))
  })

  it("withdraws a publish that is interrupted before it was sent", async () => {
    const { fabric, run } = setup()
    const program = Effect.gen(function* () {
      yield* publish(1)
      const publishing = yield* Effect.fork(Publisher.publish(bytes, Uint8Array.of(7)))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(publishing)
      yield* Publisher.publish(bytes, Uint8Array.of(8))
    })
    expect(Exit.isSuccess(await run(program))).toBe(true)
    expect(fabric.queue("q").messages.map((each) => each.body[2])).not.toContain(7)
  })

  it("streams batches; what is not settled goes back when the stream ends", async () => {
    const { fabric, run } = setup()
    const program = Effect.gen(function* () {
      yield* publish(10)
      yield* Consumer.stream(bytes).pipe(
        Stream.take(4),
        Stream.mapEffect((message) => Consumer.ack(message)),
        Stream.runDrain,
      )
      return yield* Queues.show(bytes)
    })
    const exit = await run(program)
    expect(Exit.isSuccess(exit) && exit.value.counts.ready).toBe(6)
    expect(fabric.queue("q").acked).toEqual([1, 2, 3, 4])
  })

  it("does with each typed failure what its policy says, and fails defects", async () => {
    const { clock, fabric, run } = setup()
    const causes: unknown[] = []
    const handler = (message: Message<Uint8Array>): Effect.Effect<void, Away | Declined> => {
      if (message.redelivered) return Effect.never
      if (message.sequence === 1) return Effect.fail(new Declined({ times: 9 }))
      if (message.sequence === 2) return Effect.fail(new Away())
      if (message.sequence === 3) return Effect.die(new Error("a defect"))
      return Effect.void
    }
    const program = Effect.zipRight(
      publish(4),
      Worker.run(bytes, handler, {
        backoff: { minMs: 60_000, maxMs: 60_000 },
        graceMs: 0,
        onCause: (cause) => causes.push(cause),
        onFailure: {
          Declined: (error) => (error.times > 3 ? "reject" : "fail"),
          Away: "return",
        },
      }),
    )
    const fiber = Effect.runFork(Effect.provide(program, skein(fabric, clock)))
    await clock.advance(1)
    await settleAll()
    const outcome = (at: number) => fabric.queue("q").messages[at].ended?.outcome
    expect([outcome(0), outcome(1), outcome(2), outcome(3)]).toEqual([
      "reject",
      "return",
      undefined,
      "ack",
    ])
    const interrupt = Effect.runPromise(Fiber.interrupt(fiber))
    await clock.advance(40_000)
    await interrupt
    expect(outcome(2)).toBe("fail")
    expect(causes.length).toBeGreaterThanOrEqual(3)
    expect(await run(Effect.succeed(1))).toEqual(Exit.succeed(1))
  })

  it("interrupts the handler and returns its message when the worker's grace is over", async () => {
    const { clock, fabric } = setup()
    const interrupted = Effect.runSync(Deferred.make<void>())
    const program = Effect.zipRight(
      publish(1),
      Worker.run(
        bytes,
        () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)),
        { graceMs: 100 },
      ),
    )
    const fiber = Effect.runFork(Effect.provide(program, skein(fabric, clock)))
    await clock.advance(1)
    const stopped = Effect.runPromise(Fiber.interrupt(fiber))
    await clock.advance(40_000)
    await stopped
    await Effect.runPromise(Deferred.await(interrupted))
    expect(fabric.queue("q").messages[0]).toMatchObject({ state: "ready", returned: 1 })
  })

  it("stops for what is no message's fault, and its supervisor starts it again", async () => {
    const { clock, fabric } = setup()
    const seen: number[] = []
    let isAway = true
    const handler = ({ sequence }: Message<Uint8Array>) =>
      Effect.suspend(() => {
        seen.push(sequence)
        if (!isAway || sequence === 1) return Effect.void
        isAway = false
        return Effect.fail(new Away())
      })
    const work = Worker.child(bytes, handler, { concurrency: 1, onFailure: { Away: "escalate" } })
    const program = Effect.gen(function* () {
      yield* publish(3)
      const supervisor = yield* Supervisor.make({
        name: "service",
        policy: Policy.make<Worker.WorkError>({ errors: Worker.endings, defect: "escalate" }),
        backoff: noBackoff,
        children: [work],
      })
      const all = Effect.sync(() => fabric.queue("q").acked.length)
      yield* Effect.repeat(
        Effect.promise(() => clock.advance(1)),
        { until: () => Effect.map(all, (count) => count === 3) },
      )
      return yield* supervisor.snapshot()
    })
    const tree = await Effect.runPromise(
      Effect.provide(Effect.scoped(program), skein(fabric, clock)),
    )
    expect(seen).toEqual([1, 2, 2, 3])
    expect(fabric.queue("q").messages[1]).toMatchObject({ failed: 0, returned: 1 })
    expect(tree.children).toMatchObject([
      { name: "q", state: "running", restarts: 1, lastCause: expect.stringContaining("Away") },
    ])
  })

  it("gives up when another try does not help, with the reason", async () => {
    const { clock, fabric } = setup()
    const program = Effect.gen(function* () {
      yield* publish(1)
      const supervisor = yield* Supervisor.make({
        name: "service",
        policy: Policy.make<Worker.WorkError>({ errors: Worker.endings, defect: "escalate" }),
        backoff: noBackoff,
        intensity: { restartsMax: 2, windowMs: 60_000 },
      })
      yield* supervisor.startChild(
        Worker.child(bytes, () => Effect.fail(new Away()), {
          name: "bank",
          onFailure: { Away: "escalate" },
        }),
      )
      return yield* Effect.flip(supervisor.failed)
    })
    const ended = Effect.runPromise(Effect.provide(Effect.scoped(program), skein(fabric, clock)))
    expect(await ended).toMatchObject({ _tag: "MaxRestarts", child: "bank", restartsMax: 2 })
    expect(fabric.queue("q").messages[0]).toMatchObject({ state: "ready", failed: 0, returned: 3 })
  })

  it("checks at compile time that a supervisor says what it does about every end", () => {
    type Table = Parameters<typeof Policy.make<Worker.WorkError>>[0]["errors"]
    expectTypeOf<typeof Worker.endings>().toExtend<Table>()
    expectTypeOf<Omit<typeof Worker.endings, "WorkEscalated">>().not.toExtend<Table>()
  })

  it("checks at compile time that every error of the handler has a disposition", () => {
    type Options = Parameters<typeof Worker.run<Uint8Array, Away | Declined, never>>[2]
    expectTypeOf<{ onFailure: { Away: "fail"; Declined: "reject" } }>().toExtend<Options>()
    expectTypeOf<{ onFailure: { Away: "fail" } }>().not.toExtend<Options>()
    expectTypeOf<{ concurrency: 1 }>().not.toExtend<Options>()
    type Infallible = Parameters<typeof Worker.run<Uint8Array, never, never>>[2]
    expectTypeOf<{ concurrency: 1 }>().toExtend<Infallible>()
  })
})

const skein = (fabric: FakeFabric, clock: TestClock) =>
  Skein.layerFabric(fabric.open, { runtime: testRuntime(clock) })
