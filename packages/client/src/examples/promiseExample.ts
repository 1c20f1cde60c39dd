/** Example: the Promise API, from declaring a queue to a worker that stops in an orderly way. */
import { Schema } from "effect"
import { Queue, type SkeinClient } from "../index.js"

const Order = Schema.Struct({ id: Schema.Int, customer: Schema.NonEmptyString })
const orders = Queue.define("orders", Order)

/** With a node running: `await promiseExample(await connect({ address: "127.0.0.1:4117" }))`. */
export const promiseExample = async (client: SkeinClient): Promise<readonly string[]> => {
  await client.declare(orders)
  const queue = client.queue(orders)

  await queue.publish({ id: 1, customer: "Ada" }, { dedupId: "order-1" })
  await queue.publishMany([
    { id: 2, customer: "Bea" },
    { id: 3, customer: "Cleo" },
  ])

  const served: string[] = []
  const stop = new AbortController()
  const worker = await queue.worker(
    async (message) => {
      served.push(message.value.customer)
      if (served.length === 3) stop.abort()
    },
    { concurrency: 1, signal: stop.signal },
  )
  await worker.done
  await client.close()
  return served
}
