/**
 * Throughput and p99 over time. Samples are put into buckets by when they were answered; a bucket
 * becomes one point when its time is over, so a run of an hour keeps points and not samples. Pure.
 */
import type { SampleColumns } from "./Samples.js"

export interface TimePoint {
  /** Where the bucket begins, seconds since the start. */
  readonly atSeconds: number
  readonly confirmedPerSecond: number
  readonly consumedPerSecond: number
  /** Null when nothing of the kind was answered. */
  readonly confirmP99Ms: number | null
  readonly endToEndP99Ms: number | null
}

/** Something that was done to the fabric. */
export interface TimeMark {
  readonly atSeconds: number
  readonly label: string
}

export type SampleKind = "confirm" | "endToEnd"

interface Bucket {
  messages: Record<SampleKind, number>
  latencies: Record<SampleKind, number[]>
}

const emptyBucket = (): Bucket => ({
  messages: { confirm: 0, endToEnd: 0 },
  latencies: { confirm: [], endToEnd: [] },
})

export class Timeline {
  readonly points: TimePoint[] = []
  private readonly marked: TimeMark[] = []
  private readonly open = new Map<number, Bucket>()
  private next = 0

  constructor(
    readonly startMs: number,
    private readonly bucketMs: number,
  ) {}

  get marks(): readonly TimeMark[] {
    return this.marked
  }

  mark(atMs: number, label: string): void {
    this.marked.push({ atSeconds: (atMs - this.startMs) / 1000, label })
  }

  /** `timed`: their latencies count in p99. What lies in buckets that are points is left out. */
  add(kind: SampleKind, { doneMs, latencyMs, count }: SampleColumns, timed: boolean): void {
    for (let at = 0; at < doneMs.length; at++) {
      const index = Math.floor((doneMs[at]! - this.startMs) / this.bucketMs)
      if (index < this.next) continue
      const bucket = this.open.get(index) ?? emptyBucket()
      this.open.set(index, bucket)
      bucket.messages[kind] += count[at]!
      if (timed) bucket.latencies[kind].push(latencyMs[at]!)
    }
  }

  /** Makes points of all buckets that end at or before `nowMs`, empty ones too. */
  cut(nowMs: number): void {
    const seconds = this.bucketMs / 1000
    for (; this.startMs + (this.next + 1) * this.bucketMs <= nowMs; this.next++) {
      const { messages, latencies } = this.open.get(this.next) ?? emptyBucket()
      this.open.delete(this.next)
      this.points.push({
        atSeconds: this.next * seconds,
        confirmedPerSecond: messages.confirm / seconds,
        consumedPerSecond: messages.endToEnd / seconds,
        confirmP99Ms: percentileOf(latencies.confirm, 0.99),
        endToEndP99Ms: percentileOf(latencies.endToEnd, 0.99),
      })
    }
  }
}

/** Nearest rank; null for none. */
export const percentileOf = (values: readonly number[], share: number): number | null => {
  if (values.length === 0) return null
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
}
