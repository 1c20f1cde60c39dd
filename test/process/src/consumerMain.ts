/**
 * A consuming client process: fetches from every queue, acks what it got, gives one message in
 * fifty back once and, where the run wants it, rejects a few. Says `idle` when a fetch came back
 * empty.
 */
import { bodyHash, Prng, type SettleKind } from "@skein/test-checker"
import type { LogEntry } from "./ClientLog.js"
import { type ClientFrame, runClient } from "./clientMain.js"
import type { FabricDelivery } from "./FabricClient.js"
import { readBodyId } from "./messageBody.js"

const fetchCredit = 200
const fetchWaitMs = 100
const returnProbability = 0.02
const settleKinds: ReadonlyArray<SettleKind> = ["ack", "return", "reject"]

class Consumer {
  #counter = 0
  stopping = false

  constructor(readonly frame: ClientFrame) {}

  async run(): Promise<void> {
    const { sources } = this.frame.settings
    await Promise.all(sources.map(({ queue }) => this.#consume(queue)))
  }

  async #consume(queue: string): Promise<void> {
    const { client, log, settings, tell } = this.frame
    const prng = new Prng(`${settings.seed}/${settings.process}/${queue}`)
    while (!this.stopping) {
      const calledNs = log.nowNs()
      const deliveries = await client.fetch(queue, { credit: fetchCredit, waitMs: fetchWaitMs })
      if (deliveries.length === 0) {
        tell({ type: "idle" })
        continue
      }
      this.#logDeliveries(queue, deliveries, calledNs)
      const by: Record<SettleKind, Array<FabricDelivery>> = { ack: [], return: [], reject: [] }
      for (const delivery of deliveries) by[this.#kindFor(delivery, prng)].push(delivery)
      await Promise.all(settleKinds.map((kind) => this.#settle(queue, kind, by[kind])))
    }
  }

  #kindFor({ redelivered }: FabricDelivery, prng: Prng): SettleKind {
    if (!redelivered && prng.chance(returnProbability)) return "return"
    return prng.chance(this.frame.settings.rejectProbability ?? 0) ? "reject" : "ack"
  }

  #logDeliveries(queue: string, deliveries: ReadonlyArray<FabricDelivery>, calledNs: number): void {
    const { log } = this.frame
    log.add(
      deliveries.map(({ body, redelivered, failed, returned, tag, askedAtNs }) => ({
        ...{ op: "deliver", phase: "ok", counter: this.#counter++, queue },
        ...{ id: readBodyId(body), body: bodyHash(body), redelivered, failed, returned, tag },
        sinceNs: askedAtNs === undefined ? calledNs : Number(askedAtNs - log.epochNs),
      })),
    )
    log.flush()
  }

  async #settle(
    queue: string,
    kind: SettleKind,
    deliveries: ReadonlyArray<FabricDelivery>,
  ): Promise<void> {
    if (deliveries.length === 0) return
    const { client, log } = this.frame
    const entries = deliveries.map(({ body, tag }): LogEntry & { readonly op: "settle" } => ({
      ...{ op: "settle", phase: "invoke", counter: this.#counter++, queue, kind },
      ...{ id: readBodyId(body), tag },
    }))
    log.add(entries)
    log.flush()
    const tags = deliveries.map(({ tag }) => tag)
    const outcomes = await client.settle(queue, kind, tags)
    log.add(entries.map((entry, index) => ({ ...entry, phase: outcomes[index].phase })))
    log.flush()
  }
}

runClient(async (frame, onMessage) => {
  const consumer = new Consumer(frame)
  onMessage((message) => {
    if (message.type === "stop") consumer.stopping = true
  })
  frame.tell({ type: "ready" })
  await consumer.run()
})
