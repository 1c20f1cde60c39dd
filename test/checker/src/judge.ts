/**
 * The last pass: turns what the logs say of each message into figures and violations.
 *
 * I1 needs a drained queue. A queue whose last reported depth is not zero gets `depthNotZero`
 * and none of its messages is called lost; one without a report gets `depthUnreported`.
 */
import type { Evidence } from "./Checker.js"
import { PublishTimes } from "./FaultTimes.js"
import { messageId } from "./LogRecord.js"
import { Losses } from "./Losses.js"
import { Fact } from "./MessageTable.js"
import { type FigureKind, figureKinds, type Verdict } from "./Verdict.js"

export const judge = (evidence: Evidence): Verdict => {
  const figures = Object.fromEntries(figureKinds.map((kind) => [kind, 0])) as Figures
  figures.lines = evidence.read.lines
  figures.tornLines = evidence.read.tornLines
  figures.redeliveries = evidence.read.redeliveries
  figures.deliveries = evidence.read.unnamed
  judgeDepths(evidence)
  const losses = new Losses(evidence)
  const times = new PublishTimes(evidence)
  const publishOrder = new PublishOrder(evidence)
  evidence.table.forEach((row, process, counter) => {
    losses.see(row, process, counter)
  })
  evidence.table.forEach((row, process, counter) => {
    const id = messageId(process, counter)
    count(evidence, figures, row)
    judgeOrigin(evidence, row, id)
    judgeDeliveries(evidence, row, id)
    publishOrder.next(row, id, process)
    times.see(row, id, process)
    losses.judge(row, process, counter)
  })
  losses.finish()
  judgeDeliveryOrder(evidence)
  const { counts, examples } = evidence.findings
  const clean = Object.values(counts).every((each) => each === 0)
  return {
    ok: clean && figures.lines > 0,
    violations: counts,
    figures,
    lostInQueues: losses.byQueue(),
    faults: times.seen(),
    finalDepths: Object.fromEntries(
      [...evidence.depths].map(([queue, depth]) => [evidence.queues.nameOf(queue), depth]),
    ),
    examples,
  }
}

type Figures = Record<FigureKind, number>

const judgeDepths = ({ queues, depths, findings }: Evidence): void => {
  for (let queue = 0; queue < queues.count; queue++) {
    const depth = depths.get(queue)
    const name = queues.nameOf(queue)
    if (depth === undefined) findings.add("depthUnreported", name)
    else if (depth > 0) findings.add("depthNotZero", `${name}: ${depth}`, depth)
  }
}

const count = ({ table }: Evidence, figures: Figures, row: number): void => {
  const deliveries = table.deliveries.get(row)
  figures.deliveries += deliveries
  if (deliveries > 0) figures.delivered++
  if (table.settleConfirms.get(row) > 0) figures.processed++
  else if (table.settleInvokes.get(row) > table.settleRefusals.get(row)) {
    figures.processedUnknown++
  }
  if (!table.has(row, Fact.invoked)) return
  figures.attempted++
  if (table.has(row, Fact.confirmed)) figures.confirmed++
  else if (table.has(row, Fact.refused)) figures.refused++
  else {
    figures.unknown++
    if (deliveries > 0) figures.unknownButStored++
  }
}

/** I2. */
const judgeOrigin = ({ table, findings, queues }: Evidence, row: number, id: string): void => {
  if (table.deliveries.get(row) === 0) return
  if (!table.has(row, Fact.invoked)) {
    findings.add("invented", `${id} from ${queues.nameOf(table.deliveredQueue.get(row))}`)
    return
  }
  if (table.has(row, Fact.refused)) findings.add("refusedButDelivered", id)
  if (table.has(row, Fact.bytesDiffer) || table.body.get(row) !== table.deliveredBody.get(row)) {
    findings.add("corrupted", id)
  }
  if (table.has(row, Fact.queuesDiffer) || table.queue.get(row) !== table.deliveredQueue.get(row)) {
    findings.add("misrouted", id)
  }
}

/** I3, I4 and I6 of one message. */
const judgeDeliveries = ({ table, findings }: Evidence, row: number, id: string): void => {
  const confirms = table.settleConfirms.get(row)
  if (confirms + table.settleRefusals.get(row) > table.settleInvokes.get(row)) {
    findings.add("logErrors", `${id}: a settle ends but never began`)
  }
  if (table.settleInvokes.get(row) > 0 && table.deliveries.get(row) === 0) {
    findings.add("logErrors", `${id}: settled but never delivered`)
  }
  if (confirms > 0 && table.sinceLatest.get(row) > table.settledAt.get(row)) {
    findings.add("deliveredAfterAck", id)
  }
  if (table.has(row, Fact.settledTwice)) findings.add("settledTwice", id)
  if (table.has(row, Fact.doubled)) findings.add("doubled", `${id}: two sequences`)
  const unflagged = table.unflagged.get(row)
  if (unflagged === 0) return
  const oldestIsFlagged =
    table.oldestEpoch.get(row) !== table.unflaggedEpoch.get(row) ||
    table.oldestAttempt.get(row) !== table.unflaggedAttempt.get(row)
  const repeats = unflagged - 1 + (oldestIsFlagged ? 1 : 0)
  const wrong = repeats > 0 ? repeats : table.has(row, Fact.countedButUnflagged) ? 1 : 0
  if (wrong > 0) findings.add("unflaggedDuplicates", `${id}: ${wrong}`, wrong)
}

/** I5, the producers' half: what one producer published in order has ascending sequences. */
class PublishOrder {
  readonly #last = new Map<string, { sequence: number; id: string }>()

  constructor(readonly evidence: Evidence) {}

  next(row: number, id: string, process: string): void {
    const { table, findings } = this.evidence
    if (table.deliveries.get(row) === 0 || !table.has(row, Fact.invoked)) return
    const producer = table.producer.get(row)
    const queue = table.deliveredQueue.get(row)
    const key = `${process}\n${producer}\n${queue}\n${table.generation.get(row)}`
    const last = this.#last.get(key)
    const sequence = table.sequence.get(row)
    if (last !== undefined && sequence <= last.sequence) {
      const text = `${id} has sequence ${sequence}, but ${last.id} before it ${last.sequence}`
      findings.add("orderViolations", text)
      return
    }
    this.#last.set(key, { sequence, id })
  }
}

const judgeDeliveryOrder = ({ order, findings, queues }: Evidence): void => {
  for (const each of order.violations()) {
    const text =
      `${queues.nameOf(each.queue)}: ${each.process} got unflagged ${each.sequence} after ` +
      `${each.after} ${each.kind === "between" ? "had been received elsewhere" : ""}`.trim()
    findings.add("orderViolations", text)
  }
}
