/** Example: the Effect API, with a failure policy that the compiler checks. */
import { Data, Effect, Ref, Schema, Stream } from "effect"
import { Consumer, Publisher, Queue, Queues, Worker } from "../effect/index.js"

const Order = Schema.Struct({ id: Schema.Int, customer: Schema.NonEmptyString })
const orders = Queue.define("orders", Order)

class CardDeclined extends Data.TaggedError("CardDeclined")<{ readonly id: number }> {}
class BankAway extends Data.TaggedError("BankAway") {}

const charge = (order: typeof Order.Type): Effect.Effect<string, BankAway | CardDeclined> =>
  order.id === 2
    ? Effect.fail(new CardDeclined({ id: order.id }))
    : Effect.succeed(`charged ${order.customer}`)

/** With a node running: provide `Skein.layer({ address: "127.0.0.1:4117" })`. */
export const effectExample = Effect.gen(function* () {
  yield* Queues.declare(orders)
  yield* Publisher.publishMany(orders, [
    { id: 1, customer: "Ada" },
    { id: 2, customer: "Bea" },
    { id: 3, customer: "Cleo" },
  ])

  // A stream for those who settle by hand: look at the first message and give it back.
  const first = yield* Consumer.stream(orders).pipe(
    Stream.mapEffect((message) => Effect.as(Consumer.giveBack(message), message.sequence)),
    Stream.runHead,
  )

  // A worker for everybody else. Leave one tag out of `onFailure`, and it does not compile.
  const done = yield* Ref.make<readonly string[]>([])
  const worker = Worker.run(
    orders,
    (message) =>
      Effect.flatMap(Consumer.value(message), charge).pipe(
        Effect.tap((text) => Ref.update(done, (all) => [...all, text])),
      ),
    {
      concurrency: 1,
      onFailure: { CardDeclined: "reject", BankAway: "fail", BodyUndecodable: "fail" },
    },
  )
  yield* Effect.raceFirst(
    worker,
    Effect.repeat(Effect.yieldNow(), {
      until: () => Effect.map(Ref.get(done), (all) => all.length === 2),
    }),
  )
  return { first, done: yield* Ref.get(done) }
})
