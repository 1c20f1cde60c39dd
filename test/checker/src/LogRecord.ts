/**
 * One line of a client log: the evidence that the checker judges.
 *
 * A client process appends one JSON object a line to a file of its own. Two rules make the
 * log worth judging, and the writer must keep both:
 *  - the `invoke` line of an operation is handed to the kernel BEFORE the operation is sent,
 *    so nothing can happen that no line speaks of;
 *  - the `ok` line is written AFTER the reply was received. No reply is `info` (unknown), never
 *    `fail`: `fail` says that the operation certainly did nothing.
 * Times are CLOCK_MONOTONIC nanoseconds since an epoch shared by all processes of a run, so
 * they compare across the processes of one host.
 *
 * Knows nothing of the product: no frame, no session, no error code.
 */

export type Phase = "invoke" | "ok" | "fail" | "info"
export type SettleKind = "ack" | "return" | "reject"

/** Generation id, sequence, epoch and attempt of a delivery, as the fabric named it. */
export type Tag = readonly [generation: string, sequence: number, epoch: number, attempt: number]

interface Stamp {
  /** Name of the writing process: unique in a run, never used again after a kill. */
  readonly process: string
  /** Number of the operation in its process; all lines of one operation carry it. */
  readonly counter: number
  readonly timeNs: number
}

interface Common extends Stamp {
  readonly queue: string
}

/** A publish; its message's id is `process-counter`. */
export interface PublishRecord extends Common {
  readonly op: "publish"
  readonly phase: Phase
  readonly id: string
  /** Order is promised per producer: one client object of one process. */
  readonly producer: string
  /** Hash of what was published (`bodyHash`), on every phase. */
  readonly body: string
  /** Attempts that share a dedup id are stored once; all are taken to lie in the window. */
  readonly dedupId?: string
}

/** A message handed to the application; a batch gives one line each. */
export interface DeliverRecord extends Common {
  readonly op: "deliver"
  readonly phase: "ok"
  /** The id read from the body that arrived. */
  readonly id: string
  readonly body: string
  readonly redelivered: boolean
  readonly failed: number
  readonly returned: number
  readonly tag: Tag
  /** When the client asked for it (its fetch began): the fabric cannot have sent it before. */
  readonly sinceNs: number
}

export interface SettleRecord extends Common {
  readonly op: "settle"
  readonly phase: Phase
  readonly kind: SettleKind
  readonly id: string
  readonly tag: Tag
}

/** What the fabric said a queue held; the last one of a queue counts as its final depth. */
export interface DepthRecord extends Common {
  readonly op: "depth"
  readonly phase: "ok"
  readonly depth: number
}

/** What the harness did to the fabric: in force from `invoke` to `ok`, when it was healed. */
export interface FaultRecord extends Stamp {
  readonly op: "fault"
  readonly phase: "invoke" | "ok"
  readonly name: string
  /** The client process that it ended, whose open publishes nobody answers any more. */
  readonly victim?: string
  /** Once healed, a publish may wait so long while no other fault is in force. */
  readonly limitNs: number
}

export type LogRecord = PublishRecord | DeliverRecord | SettleRecord | DepthRecord | FaultRecord

/** A longer line is evidence that cannot be read. */
export const lineLengthMax = 65_536

export const formatRecord = (record: LogRecord): string => `${JSON.stringify(record)}\n`

export const messageId = (process: string, counter: number): string => `${process}-${counter}`

/** Splits `process-counter`; undefined if it was not made by `messageId`. */
export const splitMessageId = (
  id: string,
): { readonly process: string; readonly counter: number } | undefined => {
  const dash = id.lastIndexOf("-")
  if (dash < 1 || dash === id.length - 1 || id.length - dash > 17) return undefined
  const digits = id.slice(dash + 1)
  const counter = Number(digits)
  if (!isCount(counter) || String(counter) !== digits) return undefined
  return { process: id.slice(0, dash), counter }
}

/** The record of a line, or in words what is wrong with it. */
export const parseRecord = (line: string): LogRecord | string => {
  if (line.length > lineLengthMax) return `line of ${line.length} characters`
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return "not JSON"
  }
  if (typeof value !== "object" || value === null) return "not an object"
  const fields = value as Fields
  return problemOf(fields) ?? (fields as unknown as LogRecord)
}

type Fields = { readonly [name: string]: unknown }

const problemOf = (fields: Fields): string | undefined => {
  if (!isName(fields.process)) return "bad process"
  if (!isCount(fields.counter)) return "bad counter"
  if (!isTime(fields.timeNs)) return "bad timeNs"
  if (fields.op === "fault") return faultProblem(fields)
  if (!isName(fields.queue)) return "bad queue"
  switch (fields.op) {
    case "publish":
      return publishProblem(fields)
    case "deliver":
      return deliverProblem(fields)
    case "settle":
      return settleProblem(fields)
    case "depth":
      if (fields.phase !== "ok") return "bad phase"
      return isCount(fields.depth) ? undefined : "bad depth"
    default:
      return "unknown op"
  }
}

const faultProblem = (fields: Fields): string | undefined => {
  if (fields.phase !== "invoke" && fields.phase !== "ok") return "bad phase"
  if (!isName(fields.name)) return "bad name"
  if (fields.victim !== undefined && !isName(fields.victim)) return "bad victim"
  return isTime(fields.limitNs) ? undefined : "bad limitNs"
}

const publishProblem = (fields: Fields): string | undefined => {
  if (!isPhase(fields.phase)) return "bad phase"
  if (fields.id !== `${fields.process}-${fields.counter}`) return "id is not process-counter"
  if (!isName(fields.producer)) return "bad producer"
  if (!isHash(fields.body)) return "bad body hash"
  if (fields.dedupId !== undefined && !isName(fields.dedupId)) return "bad dedupId"
  return undefined
}

const deliverProblem = (fields: Fields): string | undefined => {
  if (fields.phase !== "ok") return "bad phase"
  if (typeof fields.id !== "string") return "bad id"
  if (!isHash(fields.body)) return "bad body hash"
  if (typeof fields.redelivered !== "boolean") return "bad redelivered"
  if (!isCount(fields.failed) || !isCount(fields.returned)) return "bad failed or returned"
  if (!isTime(fields.sinceNs)) return "bad sinceNs"
  if ((fields.sinceNs as number) > (fields.timeNs as number)) return "asked after it arrived"
  return isTag(fields.tag) ? undefined : "bad tag"
}

const settleProblem = (fields: Fields): string | undefined => {
  if (!isPhase(fields.phase)) return "bad phase"
  if (fields.kind !== "ack" && fields.kind !== "return" && fields.kind !== "reject") {
    return "bad kind"
  }
  if (typeof fields.id !== "string") return "bad id"
  return isTag(fields.tag) ? undefined : "bad tag"
}

const isName = (value: unknown): value is string => typeof value === "string" && value !== ""

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && !((value as number) < 0)

const isTime = (value: unknown): value is number => typeof value === "number" && value >= 0

const isPhase = (value: unknown): value is Phase =>
  value === "invoke" || value === "ok" || value === "fail" || value === "info"

const isHash = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{12}$/.test(value)

const isTag = (value: unknown): value is Tag =>
  Array.isArray(value) &&
  value.length === 4 &&
  isName(value[0]) &&
  isCount(value[1]) &&
  isCount(value[2]) &&
  isCount(value[3])
