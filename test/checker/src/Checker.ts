/**
 * Takes the records of all client logs and gives the verdict. Linear in the number of records;
 * logs may be given in any order, but the records of one process in the order of its log.
 *
 * Shares no code with the product and believes nothing that a client did not see: a message is
 * known by the id in its body, a delivery by its tag, a moment by a client's clock.
 */
import { DeliveryOrder } from "./DeliveryOrder.js"
import { FaultTimes } from "./FaultTimes.js"
import { judge } from "./judge.js"
import {
  type DeliverRecord,
  type LogRecord,
  type PublishRecord,
  parseRecord,
  type SettleRecord,
  splitMessageId,
} from "./LogRecord.js"
import { Fact, MessageTable, Names } from "./MessageTable.js"
import { Findings, type Verdict } from "./Verdict.js"

/** Everything gathered from the logs; read by `judge`. */
export interface Evidence {
  readonly table: MessageTable
  readonly queues: Names
  readonly producers: Names
  readonly generations: Names
  readonly dedups: Names
  readonly order: DeliveryOrder
  readonly depths: Map<number, number>
  readonly faults: FaultTimes
  /** Time of each process's last record. */
  readonly lastTimeNs: Map<string, number>
  readonly findings: Findings
  /** Counted while reading; the rest of the figures comes from the table. */
  readonly read: { lines: number; tornLines: number; redeliveries: number; unnamed: number }
}

export class Checker {
  readonly #evidence: Evidence = {
    table: new MessageTable(),
    queues: new Names(),
    producers: new Names(),
    generations: new Names(),
    dedups: new Names(),
    order: new DeliveryOrder(),
    depths: new Map(),
    faults: new FaultTimes(),
    lastTimeNs: new Map(),
    findings: new Findings(),
    read: { lines: 0, tornLines: 0, redeliveries: 0, unnamed: 0 },
  }

  /** A whole line of a log, without its newline. `source` names the log in complaints. */
  line(text: string, source = "log"): void {
    const record = parseRecord(text)
    if (typeof record === "string") {
      this.#evidence.read.lines++
      this.#complain(`${source}: ${record}: ${text.slice(0, 120)}`)
      return
    }
    this.record(record)
  }

  /**
   * The unfinished last line of a killed client. Its write was not over, so an `invoke` in it
   * was never sent, and any other phase in it was never acted upon: it may be left out.
   */
  tornLine(): void {
    this.#evidence.read.tornLines++
  }

  record(record: LogRecord): void {
    this.#evidence.read.lines++
    const before = this.#evidence.lastTimeNs.get(record.process) ?? 0
    if (record.timeNs < before) this.#complain(`${record.process}: time went back`)
    this.#evidence.lastTimeNs.set(record.process, record.timeNs)
    switch (record.op) {
      case "publish":
        return this.#publish(record)
      case "deliver":
        return this.#deliver(record)
      case "settle":
        return this.#settle(record)
      case "fault":
        return this.#evidence.faults.add(record)
      case "depth":
        this.#evidence.depths.set(this.#evidence.queues.indexOf(record.queue), record.depth)
    }
  }

  /** Call once, after the last record. */
  verdict(): Verdict {
    return judge(this.#evidence)
  }

  #publish(record: PublishRecord): void {
    const { table, queues, producers, dedups } = this.#evidence
    const row = table.row(record.process, record.counter)
    if (record.phase === "invoke") {
      if (table.has(row, Fact.invoked)) this.#complain(`${record.id}: published twice`)
      table.mark(row, Fact.invoked)
      table.invokedAt.set(row, record.timeNs)
      table.queue.set(row, queues.indexOf(record.queue))
      table.producer.set(row, producers.indexOf(record.producer))
      table.body.set(row, hashNumber(record.body))
      if (record.dedupId !== undefined) {
        table.dedup.set(row, dedups.indexOf(`${record.queue}\n${record.dedupId}`) + 1)
      }
      return
    }
    if (!table.has(row, Fact.invoked)) this.#complain(`${record.id}: ends but never began`)
    if (table.has(row, Fact.ended)) this.#complain(`${record.id}: ends twice`)
    table.endedAt.set(row, record.timeNs)
    if (record.phase === "ok") table.mark(row, Fact.confirmed)
    else table.mark(row, record.phase === "fail" ? Fact.refused : Fact.unknown)
  }

  #deliver(record: DeliverRecord): void {
    const { table, queues, generations, order, read } = this.#evidence
    const [generationId, sequence, epoch, attempt] = record.tag
    const queue = queues.indexOf(record.queue)
    const generation = generations.indexOf(generationId)
    if (record.redelivered) read.redeliveries++
    else {
      const where = { queue, generation, process: record.process }
      order.add(where, sequence, record.timeNs, record.sinceNs)
    }
    const name = splitMessageId(record.id)
    if (name === undefined) {
      read.unnamed++
      this.#evidence.findings.add("invented", `${describe(record)} has no readable id`)
      return
    }
    const row = table.row(name.process, name.counter)
    const first = table.deliveries.get(row) === 0
    table.deliveries.add(row, 1)
    if (first) {
      table.generation.set(row, generation)
      table.sequence.set(row, sequence)
      table.deliveredBody.set(row, hashNumber(record.body))
      table.deliveredQueue.set(row, queue)
    } else this.#compare(row, record, queue, generation)
    if (first || older(epoch, attempt, table.oldestEpoch.get(row), table.oldestAttempt.get(row))) {
      table.oldestEpoch.set(row, epoch)
      table.oldestAttempt.set(row, attempt)
    }
    if (!record.redelivered) this.#unflagged(row, record)
    table.sinceLatest.set(row, Math.max(table.sinceLatest.get(row), record.sinceNs))
  }

  #compare(row: number, record: DeliverRecord, queue: number, generation: number): void {
    const { table } = this.#evidence
    if (table.generation.get(row) !== generation || table.sequence.get(row) !== record.tag[1]) {
      table.mark(row, Fact.doubled)
    }
    if (table.deliveredBody.get(row) !== hashNumber(record.body)) {
      table.mark(row, Fact.bytesDiffer)
    }
    if (table.deliveredQueue.get(row) !== queue) table.mark(row, Fact.queuesDiffer)
  }

  #unflagged(row: number, record: DeliverRecord): void {
    const { table } = this.#evidence
    const [, , epoch, attempt] = record.tag
    const firstUnflagged = table.unflagged.get(row) === 0
    const knownEpoch = table.unflaggedEpoch.get(row)
    if (firstUnflagged || older(epoch, attempt, knownEpoch, table.unflaggedAttempt.get(row))) {
      table.unflaggedEpoch.set(row, epoch)
      table.unflaggedAttempt.set(row, attempt)
    }
    table.unflagged.add(row, 1)
    if (record.failed + record.returned > 0) table.mark(row, Fact.countedButUnflagged)
  }

  #settle(record: SettleRecord): void {
    // A return ends a delivery, not a message: what follows from it is seen in the deliveries.
    if (record.kind === "return") return
    const { table } = this.#evidence
    const name = splitMessageId(record.id)
    if (name === undefined) return
    const row = table.row(name.process, name.counter)
    if (record.phase === "invoke") table.settleInvokes.add(row, 1)
    if (record.phase === "fail") table.settleRefusals.add(row, 1)
    if (record.phase !== "ok") return
    const [, , epoch, attempt] = record.tag
    if (table.settleConfirms.get(row) === 0) {
      table.settledAt.set(row, record.timeNs)
      table.settledEpoch.set(row, epoch)
      table.settledAttempt.set(row, attempt)
    } else {
      const sameEpoch = table.settledEpoch.get(row) === epoch
      const sameTag = sameEpoch && table.settledAttempt.get(row) === attempt
      if (!sameTag) table.mark(row, Fact.settledTwice)
      table.settledAt.set(row, Math.min(table.settledAt.get(row), record.timeNs))
    }
    table.settleConfirms.add(row, 1)
  }

  #complain(text: string): void {
    this.#evidence.findings.add("logErrors", text)
  }
}

const hashNumber = (hash: string): number => Number.parseInt(hash, 16)

const older = (epoch: number, attempt: number, thanEpoch: number, thanAttempt: number): boolean =>
  epoch < thanEpoch || (epoch === thanEpoch && attempt < thanAttempt)

const describe = (record: DeliverRecord): string =>
  `${record.queue} sequence ${record.tag[1]} to ${record.process}`
