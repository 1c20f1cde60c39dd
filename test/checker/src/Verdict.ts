/**
 * The outcome of a check: figures, violations by kind with examples, and words for a terminal.
 */

/** Every kind makes a run invalid. The ids are those of the invariants. */
export const violationKinds = {
  lost: "I1 confirmed, never delivered, and the queue is empty",
  unprocessed: "I1 delivered, never settled by anybody, and the queue is empty",
  invented: "I2 delivered, never published",
  corrupted: "I2 other bytes delivered than published",
  misrouted: "I2 delivered from another queue than published to",
  refusedButDelivered: "I2 publish certainly refused, yet delivered",
  deliveredAfterAck: "I3 delivered to a client that asked after the ack was confirmed",
  settledTwice: "I3 two settles of one message confirmed under different tags",
  unflaggedDuplicates: "I4 delivered again without the redelivered flag",
  orderViolations: "I5 first deliveries not in sequence, or sequence not in publish order",
  doubled: "I6 one publish (or one dedup id) stored more than once",
  depthNotZero: "I7 messages left in a queue at the end",
  depthUnreported: "I7 no final depth of a queue: losses cannot be told from a backlog",
  unavailable: "I11 a publish waited longer than the limit while nothing was wrong any more",
  logErrors: "the logs contradict themselves or cannot be read",
} as const

export type ViolationKind = keyof typeof violationKinds

export const figureKinds = [
  "attempted",
  "confirmed",
  "refused",
  "unknown",
  "unknownButStored",
  "deliveries",
  "delivered",
  "redeliveries",
  "processed",
  "processedUnknown",
  "tornLines",
  "lines",
] as const

export type FigureKind = (typeof figureKinds)[number]

/** Where in the publish order of its producers a queue lost messages. */
export interface LostInQueue {
  readonly queue: string
  readonly lost: number
  /** Before the first message of the same process that was delivered. */
  readonly prefix: number
  /** Between delivered ones. */
  readonly middle: number
  /** After the last delivered one. */
  readonly postfix: number
  /** Nothing at all of that process was delivered from this queue. */
  readonly whole: number
}

/** A fault as the clients saw it. */
export interface FaultSeen {
  readonly name: string
  /** Since the run's zero. */
  readonly atMs: number
  /** How long it was in force. */
  readonly forMs: number
  /** Publishes sent and not answered when it began. */
  readonly inFlight: number
  /** Longest time that a queue went without a confirm, from this fault to the next. */
  readonly withoutConfirmMs: number
}

export interface Example {
  readonly kind: ViolationKind
  readonly text: string
}

export interface Verdict {
  /** True if no violation of any kind was found and there was something to judge. */
  readonly ok: boolean
  readonly violations: Readonly<Record<ViolationKind, number>>
  readonly figures: Readonly<Record<FigureKind, number>>
  readonly lostInQueues: ReadonlyArray<LostInQueue>
  /** What was done to the fabric, in the order of time. */
  readonly faults: ReadonlyArray<FaultSeen>
  readonly finalDepths: Readonly<Record<string, number>>
  /** The first few of each kind. */
  readonly examples: ReadonlyArray<Example>
}

/** Examples kept per kind. */
export const examplesPerKindMax = 5

/** Collects violations; the one place where they are counted. */
export class Findings {
  readonly counts = Object.fromEntries(
    Object.keys(violationKinds).map((kind) => [kind, 0]),
  ) as Record<ViolationKind, number>
  readonly examples: Array<Example> = []

  add(kind: ViolationKind, text: string, count = 1): void {
    const before = this.counts[kind]
    this.counts[kind] = before + count
    if (before < examplesPerKindMax) this.examples.push({ kind, text })
  }
}

/** The verdict in words, for a terminal. */
export const renderVerdict = (verdict: Verdict): string => {
  const lines = [verdict.ok ? "VALID" : "INVALID"]
  for (const kind of figureKinds) lines.push(row(kind, verdict.figures[kind]))
  for (const kind of Object.keys(violationKinds) as Array<ViolationKind>) {
    const count = verdict.violations[kind]
    lines.push(count === 0 ? row(kind, 0) : `${row(kind, count)}   <- ${violationKinds[kind]}`)
  }
  for (const each of verdict.lostInQueues) {
    lines.push(
      `  lost in ${each.queue}: ${each.lost} (prefix ${each.prefix}, middle ${each.middle}, ` +
        `postfix ${each.postfix}, whole ${each.whole})`,
    )
  }
  for (const { kind, text } of verdict.examples) lines.push(`  ${kind}: ${text}`)
  return lines.join("\n")
}

const row = (name: string, count: number): string =>
  `  ${name.padEnd(20)} ${String(count).padStart(10)}`
