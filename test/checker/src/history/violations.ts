/**
 * Plants one violation into correct logs, one function for each way in which a fabric or a log
 * can be wrong. Each returns false if the history offers no place for it.
 *
 * The table names the kind that the checker must report. A planted fault may also break
 * neighbouring promises (a message moved in a log may be late for its ack, too): those kinds
 * are listed, and any other report is a false alarm.
 */
import type { DeliverRecord, LogRecord, PublishRecord, SettleRecord } from "../LogRecord.js"
import type { Prng } from "../Prng.js"
import type { ViolationKind } from "../Verdict.js"
import type { ProcessLog } from "./RandomHistory.js"

type Logs = ReadonlyArray<ProcessLog>

export interface Planted {
  readonly name: string
  readonly kind: ViolationKind
  readonly alsoAllowed?: ReadonlyArray<ViolationKind>
  readonly plant: (logs: Logs, prng: Prng) => boolean
}

type Mutable<T> = { -readonly [field in keyof T]: T[field] }

const recordsOf = (logs: Logs): Array<LogRecord> => logs.flatMap((log) => log.records)

const deliveriesOf = (logs: Logs): Array<Mutable<DeliverRecord>> =>
  recordsOf(logs).filter((record) => record.op === "deliver")

const publishesOf = (logs: Logs, phase: string): Array<Mutable<PublishRecord>> =>
  recordsOf(logs).filter(
    (record): record is PublishRecord => record.op === "publish" && record.phase === phase,
  )

const acksOf = (logs: Logs, phase: string): Array<SettleRecord> =>
  recordsOf(logs).filter(
    (record): record is SettleRecord =>
      record.op === "settle" && record.kind === "ack" && record.phase === phase,
  )

const remove = (logs: Logs, unwanted: (record: LogRecord) => boolean): void => {
  for (const { records } of logs) {
    records.splice(0, records.length, ...records.filter((record) => !unwanted(record)))
  }
}

const isAbout = (record: LogRecord, id: string): boolean =>
  (record.op === "deliver" || record.op === "settle") && record.id === id

const logOf = (logs: Logs, process: string): ProcessLog =>
  logs.find((log) => log.process === process) as ProcessLog

const consumersOf = (logs: Logs): Array<ProcessLog> =>
  logs.filter(({ process }) => process.startsWith("consumer"))

/** Appends a record to its process, after everything that any process did. */
const append = <T extends LogRecord>(logs: Logs, record: T): T => {
  const endNs = Math.max(...recordsOf(logs).map(({ timeNs }) => timeNs)) + 1_000
  const late = { ...record, counter: record.counter + 1_000_000, timeNs: endNs }
  logOf(logs, record.process).records.push(late)
  return late
}

const lose = (logs: Logs, prng: Prng): boolean => {
  const delivered = new Set(deliveriesOf(logs).map(({ id }) => id))
  const victim = prng.pick(
    publishesOf(logs, "ok").filter((each) => each.dedupId === undefined && delivered.has(each.id)),
  )
  if (victim === undefined) return false
  remove(logs, (record) => isAbout(record, victim.id))
  return true
}

const loseDedup = (logs: Logs, prng: Prng): boolean => {
  const delivered = new Set(deliveriesOf(logs).map(({ id }) => id))
  const victim = prng.pick(
    publishesOf(logs, "ok").filter((each) => each.dedupId !== undefined && delivered.has(each.id)),
  )
  if (victim === undefined) return false
  remove(logs, (record) => isAbout(record, victim.id))
  return true
}

const leaveUnsettled = (logs: Logs, prng: Prng): boolean => {
  const victim = prng.pick(deliveriesOf(logs))
  if (victim === undefined) return false
  remove(logs, (record) => record.op === "settle" && record.id === victim.id)
  return true
}

const change = (
  pick: (logs: Logs, prng: Prng) => Mutable<DeliverRecord> | undefined,
  edit: (delivery: Mutable<DeliverRecord>) => void,
) => {
  return (logs: Logs, prng: Prng): boolean => {
    const delivery = pick(logs, prng)
    if (delivery === undefined) return false
    edit(delivery)
    return true
  }
}

const anyDelivery = (logs: Logs, prng: Prng) => prng.pick(deliveriesOf(logs))

/** A delivery that is certainly not the first of its message. */
const laterDelivery = (logs: Logs, prng: Prng) => {
  const seen = new Set<string>()
  const later = deliveriesOf(logs)
    .sort((left, right) => left.tag[2] - right.tag[2] || left.tag[3] - right.tag[3])
    .filter(({ id }) => seen.has(id) || !seen.add(id))
  return prng.pick(later)
}

/** Delivers a message once more at the very end, asked for after everything else. */
const deliverAgain = (edit: (delivery: Mutable<DeliverRecord>) => void) => {
  return (logs: Logs, prng: Prng): boolean => {
    const acked = new Set(acksOf(logs, "ok").map(({ id }) => id))
    const before = prng.pick(deliveriesOf(logs).filter(({ id }) => acked.has(id)))
    if (before === undefined) return false
    const again: Mutable<DeliverRecord> = append(logs, { ...before, redelivered: true })
    const [generation, sequence, epoch, attempt] = before.tag
    again.tag = [generation, sequence, epoch + 1_000, attempt]
    again.sinceNs = again.timeNs - 1
    edit(again)
    return true
  }
}

const settleTwice = (logs: Logs, prng: Prng): boolean => {
  const ack = prng.pick(acksOf(logs, "ok"))
  if (ack === undefined) return false
  const [generation, sequence, epoch, attempt] = ack.tag
  const tag = [generation, sequence, epoch + 1, attempt] as const
  append(logs, { ...ack, tag, phase: "invoke" })
  append(logs, { ...ack, tag })
  return true
}

/** Two neighbours in one consumer's log arrive the wrong way round. */
const swapDeliveries = (logs: Logs, prng: Prng): boolean => {
  for (const log of consumersOf(logs)) {
    const queue = prng.chance(0.5) ? "orders" : "mail"
    const first = deliveriesOf([log]).filter((each) => !each.redelivered && each.queue === queue)
    if (first.length < 2) continue
    const index = prng.between(0, first.length - 2)
    const [left, right] = [first[index], first[index + 1]]
    const { id, body, tag } = left
    Object.assign(left, { id: right.id, body: right.body, tag: right.tag })
    Object.assign(right, { id, body, tag })
    return true
  }
  return false
}

/** A low sequence goes unflagged to a client that asked when a higher one had arrived. */
const lateElsewhere = (logs: Logs, prng: Prng): boolean => {
  const first = deliveriesOf(logs).filter(({ redelivered }) => !redelivered)
  const victim = prng.pick(
    first.filter((low) =>
      first.some((high) => high.queue === low.queue && high.tag[1] > low.tag[1]),
    ),
  )
  const asker = consumersOf(logs).find((log) => deliveriesOf([log]).length === 0)
  if (victim === undefined || asker === undefined) return false
  remove(logs, (record) => isAbout(record, victim.id))
  const moved = append(logs, { ...victim, process: asker.process })
  ;(moved as Mutable<DeliverRecord>).sinceNs = moved.timeNs - 1
  append(logs, { ...settleOf(moved), phase: "invoke" })
  return true
}

const settleOf = (delivery: DeliverRecord): SettleRecord => {
  const { process, counter, queue, id, tag, timeNs } = delivery
  const kind = "ack"
  return { process, counter, op: "settle", phase: "ok", kind, queue, id, tag, timeNs }
}

/** Two messages of one producer are stored the wrong way round. */
const swapStored = (logs: Logs, prng: Prng): boolean => {
  const delivered = new Set(deliveriesOf(logs).map(({ id }) => id))
  const invokes = publishesOf(logs, "invoke").filter(({ id }) => delivered.has(id))
  const pairs = invokes.flatMap((left, index) => {
    const right = invokes
      .slice(index + 1)
      .find((each) => each.producer === left.producer && each.queue === left.queue)
    return right === undefined ? [] : [[left, right] as const]
  })
  const pair = prng.pick(pairs)
  if (pair === undefined) return false
  const [left, right] = pair
  for (const record of recordsOf(logs)) {
    if (record.op !== "deliver" && record.op !== "settle") continue
    const other = record.id === left.id ? right : record.id === right.id ? left : undefined
    if (other === undefined) continue
    ;(record as Mutable<SettleRecord>).id = other.id
    if (record.op === "deliver") (record as Mutable<DeliverRecord>).body = other.body
  }
  return true
}

const storeTwice = deliverAgain((again) => {
  const [generation, sequence, epoch, attempt] = again.tag
  again.tag = [generation, sequence + 100_000, epoch, attempt]
  again.sinceNs = 0
})

/** Two publishes that were both stored turn out to share a dedup id. */
const shareDedup = (logs: Logs, prng: Prng): boolean => {
  const delivered = new Set(deliveriesOf(logs).map(({ id }) => id))
  const stored = publishesOf(logs, "invoke").filter(
    ({ id, queue, dedupId }) => delivered.has(id) && queue === "orders" && dedupId === undefined,
  )
  const [left, right] = [prng.pick(stored), prng.pick(stored)]
  if (left === undefined || right === undefined || left === right) return false
  left.dedupId = "shared"
  right.dedupId = "shared"
  return true
}

const refuseStored = (logs: Logs, prng: Prng): boolean => {
  const delivered = new Set(deliveriesOf(logs).map(({ id }) => id))
  const victim = prng.pick(
    publishesOf(logs, "ok").filter(({ id, dedupId }) => delivered.has(id) && dedupId === undefined),
  )
  if (victim === undefined) return false
  victim.phase = "fail"
  return true
}

const reportDepth = (depth: number) => (logs: Logs) => {
  const report = recordsOf(logs).find((record) => record.op === "depth")
  if (report?.op !== "depth") return false
  ;(report as { depth: number }).depth = depth
  return true
}

const reportNoDepth = (logs: Logs): boolean => {
  const delivered = new Set(deliveriesOf(logs).map(({ queue }) => queue))
  remove(logs, (record) => record.op === "depth" && record.queue === "orders")
  return delivered.has("orders")
}

const endTwice = (logs: Logs, prng: Prng): boolean => {
  const ended = prng.pick(publishesOf(logs, "ok"))
  if (ended === undefined) return false
  const endNs = Math.max(...logOf(logs, ended.process).records.map(({ timeNs }) => timeNs))
  logOf(logs, ended.process).records.push({ ...ended, timeNs: endNs })
  return true
}

const turnBackTime = (logs: Logs, prng: Prng): boolean => {
  const log = prng.pick(logs.filter(({ records }) => records.length > 1))
  if (log === undefined) return false
  ;(log.records[0] as Mutable<LogRecord>).timeNs = 1e12
  return true
}

const forgetInvoke = (logs: Logs, prng: Prng): boolean => {
  const victim = prng.pick(publishesOf(logs, "fail"))
  if (victim === undefined) return false
  remove(
    logs,
    (record) => record.op === "publish" && record.phase === "invoke" && record.id === victim.id,
  )
  return true
}

/** A fault is healed while a publish waits, which goes on for longer than the limit. */
const waitAfterHeal = (logs: Logs, prng: Prng): boolean => {
  const ended = prng.pick([...publishesOf(logs, "ok"), ...publishesOf(logs, "info")])
  if (ended === undefined) return false
  const { id, timeNs } = ended
  const sent = publishesOf(logs, "invoke").find((each) => each.id === id) as PublishRecord
  const waitedNs = timeNs - sent.timeNs
  if (waitedNs < 2) return false
  const base = { process: "faults", counter: 1, op: "fault", name: "cut" } as const
  const limitNs = waitedNs - 2
  ;(logs as Array<ProcessLog>).push({
    process: "faults",
    torn: undefined,
    records: [
      { ...base, phase: "invoke", timeNs: sent.timeNs, limitNs },
      { ...base, phase: "ok", timeNs: sent.timeNs + 1, limitNs },
    ],
  })
  return true
}

export const plantedViolations: ReadonlyArray<Planted> = [
  { name: "a confirmed message vanishes", kind: "lost", plant: lose },
  { name: "a confirmed dedup id vanishes", kind: "lost", plant: loseDedup },
  { name: "a delivered message is never settled", kind: "unprocessed", plant: leaveUnsettled },
  {
    name: "an id that nobody published",
    kind: "invented",
    alsoAllowed: ["logErrors", "lost", "unprocessed"],
    plant: change(anyDelivery, (delivery) => {
      delivery.id = "nobody-7"
    }),
  },
  {
    name: "an unreadable id",
    kind: "invented",
    alsoAllowed: ["logErrors", "lost"],
    plant: change(anyDelivery, (delivery) => {
      delivery.id = "\u0000"
    }),
  },
  {
    name: "other bytes",
    kind: "corrupted",
    plant: change(anyDelivery, (delivery) => {
      delivery.body = "0123456789ab"
    }),
  },
  {
    name: "another queue",
    kind: "misrouted",
    alsoAllowed: ["orderViolations"],
    plant: change(anyDelivery, (delivery) => {
      delivery.queue = delivery.queue === "orders" ? "mail" : "orders"
    }),
  },
  {
    name: "a refused publish is stored",
    kind: "refusedButDelivered",
    plant: refuseStored,
  },
  { name: "delivered after its ack", kind: "deliveredAfterAck", plant: deliverAgain(() => {}) },
  { name: "acked twice under two tags", kind: "settledTwice", plant: settleTwice },
  {
    name: "a flag is dropped",
    kind: "unflaggedDuplicates",
    alsoAllowed: ["orderViolations"],
    plant: change(laterDelivery, (delivery) => {
      delivery.redelivered = false
    }),
  },
  {
    name: "counted but not flagged",
    kind: "unflaggedDuplicates",
    plant: change(
      (logs, prng) => prng.pick(deliveriesOf(logs).filter(({ redelivered }) => !redelivered)),
      (delivery) => {
        delivery.failed = 1
      },
    ),
  },
  {
    name: "delivered to two, both unflagged",
    kind: "unflaggedDuplicates",
    alsoAllowed: ["orderViolations", "deliveredAfterAck"],
    plant: deliverAgain((again) => {
      again.redelivered = false
    }),
  },
  { name: "two deliveries swapped", kind: "orderViolations", plant: swapDeliveries },
  { name: "a low sequence late elsewhere", kind: "orderViolations", plant: lateElsewhere },
  { name: "two publishes stored swapped", kind: "orderViolations", plant: swapStored },
  { name: "a resend stored again", kind: "doubled", plant: storeTwice },
  { name: "a dedup id stored twice", kind: "doubled", plant: shareDedup },
  { name: "a message left over", kind: "depthNotZero", plant: reportDepth(1) },
  { name: "no depth reported", kind: "depthUnreported", plant: reportNoDepth },
  { name: "a publish waits on after a fault", kind: "unavailable", plant: waitAfterHeal },
  { name: "a publish ends twice", kind: "logErrors", plant: endTwice },
  { name: "a clock goes back", kind: "logErrors", plant: turnBackTime },
  { name: "a publish without its beginning", kind: "logErrors", plant: forgetInvoke },
]
