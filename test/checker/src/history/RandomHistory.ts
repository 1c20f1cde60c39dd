/**
 * Random client logs of a fabric that keeps every promise: publishers, consumers, lost and late
 * replies, node crashes with resends, returns, expired leases, killed clients with torn lines,
 * and dedup ids repeated by other processes. The checker must call each of them valid.
 *
 * One virtual clock, one thread: every step is an action drawn from the seed. The network is
 * explicit: a request, its effect and its reply are three steps, so each can be cut off.
 */
import { bodyHash } from "../bodyHash.js"
import { type LogRecord, messageId, type SettleKind, type Tag } from "../LogRecord.js"
import type { Prng } from "../Prng.js"
import { type ModelDelivery, ModelQueue } from "./ModelQueue.js"

/** The log of one process. */
export interface ProcessLog {
  readonly process: string
  readonly records: Array<LogRecord>
  /** The start of a line that a kill cut off. */
  torn: string | undefined
}

interface PendingPublish {
  readonly id: string
  readonly counter: number
  readonly queue: ModelQueue
  readonly dedupId: string | undefined
  applied: boolean
}

interface Publisher {
  readonly log: ProcessLog
  counter: number
  /** In flight, oldest first: applied and confirmed in this order. */
  pending: Array<PendingPublish>
}

interface PendingSettle {
  readonly counter: number
  readonly queue: ModelQueue
  readonly id: string
  readonly tag: Tag
  readonly kind: SettleKind
  result: boolean | undefined
}

interface Consumer {
  readonly log: ProcessLog
  counter: number
  /** Sent by the fabric, not yet received. */
  pipe: Array<{ readonly delivery: ModelDelivery; readonly sinceNs: number }>
  held: Array<ModelDelivery>
  settling: Array<PendingSettle>
}

export interface HistoryOptions {
  /** Random steps before the fabric is healed and drained. */
  readonly steps: number
}

export const randomHistory = (
  prng: Prng,
  options: HistoryOptions = { steps: 400 },
): ReadonlyArray<ProcessLog> => {
  const world = new World(prng)
  for (let step = 0; step < options.steps; step++) world.step()
  world.drain()
  return world.logs
}

class World {
  readonly logs: Array<ProcessLog> = []
  readonly #queues: ReadonlyArray<ModelQueue>
  #publishers: Array<Publisher> = []
  #consumers: Array<Consumer> = []
  #nowNs = 1_000
  #processes = 0
  /** Dedup ids that some process gave up on; another may repeat them. */
  readonly #repeatable: Array<{ readonly dedupId: string; readonly queue: ModelQueue }> = []

  constructor(readonly prng: Prng) {
    this.#queues = [new ModelQueue("orders", "g1"), new ModelQueue("mail", "g2")]
    for (let count = 0; count < 2; count++) {
      this.#addPublisher()
      this.#addConsumer()
    }
  }

  step(): void {
    this.#nowNs += this.prng.between(1, 1_000)
    const die = this.prng.between(1, 100)
    if (die <= 26) this.#publish(this.#one(this.#publishers))
    else if (die <= 44) this.#apply(this.#one(this.#publishers))
    else if (die <= 56) this.#confirm(this.#one(this.#publishers))
    else if (die <= 58) this.#giveUp(this.#one(this.#publishers))
    else if (die <= 68) this.#fetch(this.#one(this.#consumers), this.prng.between(1, 5))
    else if (die <= 78) this.#receive(this.#one(this.#consumers))
    else if (die <= 86) this.#settle(this.#one(this.#consumers))
    else if (die <= 90) this.#applySettle(this.#one(this.#consumers))
    else if (die <= 94) this.#endSettle(this.#one(this.#consumers))
    else if (die <= 97) this.#expire()
    else if (die <= 98) this.#crash()
    else if (this.prng.chance(0.5)) this.#killPublisher(this.#one(this.#publishers))
    else this.#killConsumer(this.#one(this.#consumers))
  }

  /** Heals: every pending thing ends, everything is consumed, the depths are reported. */
  drain(): void {
    for (const publisher of this.#publishers) {
      while (publisher.pending.length > 0) {
        this.#apply(publisher)
        this.#confirm(publisher)
      }
    }
    for (let round = 0; this.#queues.some((queue) => queue.depth() > 0) || this.#busy(); round++) {
      if (round > 100) throw new Error("the model does not drain")
      for (const queue of this.#queues) queue.sync()
      for (const consumer of this.#consumers) {
        this.#nowNs += 1
        this.#fetch(consumer, 1_000)
        while (consumer.pipe.length > 0) this.#receive(consumer)
        while (consumer.held.length > 0) this.#settle(consumer, "ack")
        while (consumer.settling.length > 0) {
          this.#applySettle(consumer)
          this.#endSettle(consumer)
        }
      }
      // Leases that nobody holds any more: a settle whose outcome is unknown, a lost delivery.
      for (const queue of this.#queues) {
        for (const message of queue.leased()) queue.fail(message)
      }
    }
    const observer = this.#newLog("observer")
    for (const [counter, queue] of this.#queues.entries()) {
      observer.records.push({
        process: observer.process,
        counter,
        op: "depth",
        phase: "ok",
        queue: queue.name,
        depth: queue.depth(),
        timeNs: this.#nowNs,
      })
    }
  }

  #busy(): boolean {
    return this.#consumers.some(
      ({ pipe, held, settling }) => pipe.length + held.length + settling.length > 0,
    )
  }

  #publish(publisher: Publisher): void {
    const repeat = this.prng.chance(0.1) ? this.prng.pick(this.#repeatable) : undefined
    const queue = repeat?.queue ?? this.#one(this.#queues)
    const count = repeat === undefined ? this.prng.between(1, 4) : 1
    for (let each = 0; each < count; each++) {
      const counter = publisher.counter++
      const id = messageId(publisher.log.process, counter)
      const dedupId = repeat?.dedupId ?? (this.prng.chance(0.2) ? `once-${id}` : undefined)
      const publish = { id, counter, queue, dedupId, applied: false }
      publisher.pending.push(publish)
      this.#logPublish(publisher, publish, "invoke")
    }
  }

  #apply(publisher: Publisher): void {
    const next = publisher.pending.find((publish) => !publish.applied)
    if (next === undefined) return
    if (next === publisher.pending[0] && this.prng.chance(0.03)) {
      publisher.pending.shift()
      this.#logPublish(publisher, next, "fail")
      return
    }
    next.queue.store(next.id, bodyOf(next.id), next.dedupId)
    next.applied = true
    if (this.prng.chance(0.5)) next.queue.sync()
  }

  #confirm(publisher: Publisher): void {
    while (publisher.pending[0]?.applied) {
      const publish = publisher.pending.shift() as PendingPublish
      publish.queue.sync()
      this.#logPublish(publisher, publish, "ok")
    }
  }

  #giveUp(publisher: Publisher): void {
    const publish = publisher.pending.shift()
    if (publish === undefined) return
    if (!publish.applied && this.prng.chance(0.5)) {
      publish.queue.store(publish.id, bodyOf(publish.id), publish.dedupId)
    }
    this.#logPublish(publisher, publish, "info")
    this.#mayRepeat(publish)
  }

  #mayRepeat({ dedupId, queue }: PendingPublish): void {
    if (dedupId !== undefined) this.#repeatable.push({ dedupId, queue })
  }

  #fetch(consumer: Consumer, credit: number): void {
    const sinceNs = this.#nowNs
    this.#nowNs += this.prng.between(1, 50)
    for (const queue of this.#queues) {
      for (const delivery of queue.fetch(consumer.log.process, credit)) {
        consumer.pipe.push({ delivery, sinceNs })
      }
    }
  }

  #receive(consumer: Consumer): void {
    const arrived = consumer.pipe.shift()
    if (arrived === undefined) return
    this.#nowNs += 1
    const { queue, ...delivery } = arrived.delivery
    consumer.held.push(arrived.delivery)
    consumer.log.records.push({
      process: consumer.log.process,
      counter: consumer.counter++,
      op: "deliver",
      phase: "ok",
      queue: queue.name,
      ...delivery,
      timeNs: this.#nowNs,
      sinceNs: arrived.sinceNs,
    })
  }

  #settle(consumer: Consumer, asked?: SettleKind): void {
    const { prng } = this
    const delivery = consumer.held.splice(prng.between(0, consumer.held.length - 1), 1)[0]
    if (delivery === undefined) return
    const kind = asked ?? (prng.chance(0.75) ? "ack" : prng.chance(0.8) ? "return" : "reject")
    const { queue, id, tag } = delivery
    const settle = { counter: consumer.counter++, queue, id, tag, kind, result: undefined }
    consumer.settling.push(settle)
    this.#logSettle(consumer, settle, "invoke")
  }

  #applySettle(consumer: Consumer): void {
    const settle = consumer.settling.find(({ result }) => result === undefined)
    if (settle !== undefined) settle.result = settle.queue.settle(settle.tag, settle.kind)
  }

  #endSettle(consumer: Consumer): void {
    const settle = consumer.settling[0]
    if (settle === undefined || (settle.result === undefined && this.prng.chance(0.9))) return
    consumer.settling.shift()
    const phase = settle.result === undefined ? "info" : settle.result ? "ok" : "fail"
    this.#logSettle(consumer, settle, this.prng.chance(0.05) ? "info" : phase)
  }

  #expire(): void {
    const message = this.prng.pick(this.#queues[0].leased())
    if (message !== undefined) this.#queues[0].fail(message)
  }

  /** The node dies: unsynced publishes are resent in order, deliveries on the wire are gone. */
  #crash(): void {
    for (const queue of this.#queues) {
      const forgotten = queue.crash()
      for (const { pending } of this.#publishers) {
        for (const publish of pending) {
          if (forgotten.has(publish.id) || forgotten.has(publish.dedupId ?? "")) {
            publish.applied = false
          }
        }
      }
    }
    for (const consumer of this.#consumers) {
      if (this.prng.chance(0.5)) consumer.pipe = []
    }
  }

  #killPublisher(publisher: Publisher): void {
    for (const publish of publisher.pending) this.#mayRepeat(publish)
    // The frames on the wire arrive in order: a prefix of them is stored.
    for (const publish of publisher.pending) {
      if (publish.applied) continue
      if (this.prng.chance(0.3)) break
      publish.queue.store(publish.id, bodyOf(publish.id), publish.dedupId)
    }
    this.#tear(publisher.log)
    this.#publishers = this.#publishers.filter((each) => each !== publisher)
    this.#addPublisher()
  }

  #killConsumer(consumer: Consumer): void {
    while (consumer.settling.length > 0 && this.prng.chance(0.7)) {
      this.#applySettle(consumer)
      consumer.settling.shift()
    }
    for (const queue of this.#queues) queue.failAllOf(consumer.log.process)
    this.#tear(consumer.log)
    this.#consumers = this.#consumers.filter((each) => each !== consumer)
    this.#addConsumer()
  }

  #tear(log: ProcessLog): void {
    const last = log.records.at(-1)
    if (last === undefined || this.prng.chance(0.5)) return
    const line = JSON.stringify({ ...last, counter: last.counter + 1_000 })
    log.torn = line.slice(0, this.prng.between(1, line.length))
  }

  #logPublish(publisher: Publisher, publish: PendingPublish, phase: Phase): void {
    this.#nowNs += 1
    publisher.log.records.push({
      process: publisher.log.process,
      counter: publish.counter,
      op: "publish",
      phase,
      queue: publish.queue.name,
      id: publish.id,
      producer: `producer-of-${publisher.log.process}`,
      body: bodyOf(publish.id),
      ...(publish.dedupId === undefined ? {} : { dedupId: publish.dedupId }),
      timeNs: this.#nowNs,
    })
  }

  #logSettle(consumer: Consumer, settle: PendingSettle, phase: Phase): void {
    this.#nowNs += 1
    const { counter, id, tag, kind, queue } = settle
    consumer.log.records.push({
      process: consumer.log.process,
      counter,
      op: "settle",
      phase,
      queue: queue.name,
      kind,
      id,
      tag,
      timeNs: this.#nowNs,
    })
  }

  #addPublisher(): void {
    const log = this.#newLog("publisher")
    this.#publishers.push({ log, counter: 0, pending: [] })
  }

  #addConsumer(): void {
    const log = this.#newLog("consumer")
    this.#consumers.push({ log, counter: 0, pipe: [], held: [], settling: [] })
  }

  #newLog(role: string): ProcessLog {
    const log = { process: `${role}-${++this.#processes}`, records: [], torn: undefined }
    this.logs.push(log)
    return log
  }

  #one<T>(items: ReadonlyArray<T>): T {
    return this.prng.pick(items) as T
  }
}

type Phase = "invoke" | "ok" | "fail" | "info"

const bodyOf = (id: string): string => bodyHash(Buffer.from(id))
