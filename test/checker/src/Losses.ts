/**
 * I1 and the dedup half of I6: which confirmed messages are missing, where in the publish
 * order they lay, and which dedup ids were stored more than once.
 *
 * Needs to `see` every row before the first is judged, because a loss is placed by the first
 * and last delivered message of the same process and queue.
 */
import type { Evidence } from "./Checker.js"
import { messageId } from "./LogRecord.js"
import { Fact } from "./MessageTable.js"
import type { LostInQueue } from "./Verdict.js"

interface Span {
  first: number
  last: number
}

interface DedupGroup {
  readonly stored: Set<string>
  confirmed: string | undefined
  readonly queue: number
}

type Tally = { -readonly [field in keyof LostInQueue]: LostInQueue[field] }

export class Losses {
  readonly #spans = new Map<string, Span>()
  readonly #groups = new Map<number, DedupGroup>()
  readonly #tallies = new Map<number, Tally>()

  constructor(readonly evidence: Evidence) {}

  see(row: number, process: string, counter: number): void {
    const { table } = this.evidence
    if (!table.has(row, Fact.invoked)) return
    const delivered = table.deliveries.get(row) > 0
    const group = table.dedup.get(row)
    if (group > 0) this.#gather(row, group, messageId(process, counter))
    if (!delivered) return
    const key = spanKey(process, table.queue.get(row))
    const span = this.#spans.get(key)
    if (span === undefined) this.#spans.set(key, { first: counter, last: counter })
    else span.last = counter
  }

  judge(row: number, process: string, counter: number): void {
    const { table, findings, depths } = this.evidence
    if (!table.has(row, Fact.invoked)) return
    const queue = table.queue.get(row)
    if (depths.get(queue) !== 0) return
    if (table.deliveries.get(row) > 0) {
      // An ack whose outcome is unknown may have removed it; only silence is a loss.
      const open = table.settleInvokes.get(row) - table.settleRefusals.get(row)
      if (open <= 0) findings.add("unprocessed", messageId(process, counter))
      return
    }
    if (!table.has(row, Fact.confirmed) || table.dedup.get(row) > 0) return
    findings.add("lost", messageId(process, counter))
    this.#place(queue, this.#spans.get(spanKey(process, queue)), counter)
  }

  /** Dedup ids: one stored copy at most, and one at least if any attempt was confirmed. */
  finish(): void {
    const { findings, depths, dedups } = this.evidence
    for (const [group, { stored, confirmed, queue }] of this.#groups) {
      const name = dedups.nameOf(group - 1).split("\n")[1]
      if (stored.size > 1) findings.add("doubled", `dedup id ${name}: ${stored.size} stored`)
      if (stored.size > 0 || confirmed === undefined || depths.get(queue) !== 0) continue
      findings.add("lost", `${confirmed} (dedup id ${name})`)
      this.#place(queue, undefined, 0)
    }
  }

  byQueue(): ReadonlyArray<LostInQueue> {
    return [...this.#tallies.values()]
  }

  #gather(row: number, group: number, id: string): void {
    const { table } = this.evidence
    let entry = this.#groups.get(group)
    if (entry === undefined) {
      entry = { stored: new Set(), confirmed: undefined, queue: table.queue.get(row) }
      this.#groups.set(group, entry)
    }
    if (table.has(row, Fact.confirmed)) entry.confirmed = id
    if (table.deliveries.get(row) > 0) {
      entry.stored.add(`${table.generation.get(row)}/${table.sequence.get(row)}`)
    }
  }

  #place(queue: number, span: Span | undefined, counter: number): void {
    let tally = this.#tallies.get(queue)
    if (tally === undefined) {
      const name = this.evidence.queues.nameOf(queue)
      tally = { queue: name, lost: 0, prefix: 0, middle: 0, postfix: 0, whole: 0 }
      this.#tallies.set(queue, tally)
    }
    tally.lost++
    if (span === undefined) tally.whole++
    else if (counter < span.first) tally.prefix++
    else if (counter > span.last) tally.postfix++
    else tally.middle++
  }
}

const spanKey = (process: string, queue: number): string => `${process}\n${queue}`
