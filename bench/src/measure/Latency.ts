/**
 * A histogram of times: HDR with 3 significant digits, microseconds inside, milliseconds
 * outside. Pure JavaScript build (no WebAssembly, nothing is downloaded). Histograms of several
 * windows are merged, so a bad window is never averaged away.
 */
import { build } from "hdr-histogram-js"

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly p9999: number
  readonly max: number
}

/** One point of a percentile curve. */
export interface CurvePoint {
  readonly percentile: number
  readonly ms: number
}

const usPerMs = 1000
const curvePercentiles = [
  1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.8, 99.9, 99.95,
  99.98, 99.99, 99.995, 99.999,
]

export class Latency {
  private readonly histogram = build({
    bitBucketSize: 64,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  })
  private largestUs = 0

  get count(): number {
    return this.histogram.totalCount
  }

  /** Times below zero (a clock read in another order) count as zero. */
  record(ms: number, count = 1): void {
    const us = Math.max(0, Math.round(ms * usPerMs))
    if (us > this.largestUs) this.largestUs = us
    this.histogram.recordValueWithCount(us, count)
  }

  merge(other: Latency): void {
    this.histogram.add(other.histogram)
    this.largestUs = Math.max(this.largestUs, other.largestUs)
  }

  /** Null when nothing was recorded. */
  percentiles(): Percentiles | null {
    if (this.count === 0) return null
    return {
      p50: this.at(50),
      p95: this.at(95),
      p99: this.at(99),
      p999: this.at(99.9),
      p9999: this.at(99.99),
      max: this.largestUs / usPerMs,
    }
  }

  /** Points up to the percentile that at least one sample lies beyond. */
  curve(): readonly CurvePoint[] {
    const last = 100 - 100 / Math.max(1, this.count)
    return curvePercentiles
      .filter((percentile) => percentile <= last)
      .map((percentile) => ({ percentile, ms: this.at(percentile) }))
  }

  private at(percentile: number): number {
    return Math.min(this.histogram.getValueAtPercentile(percentile), this.largestUs) / usPerMs
  }
}

/** A new histogram that holds all samples of the given ones. */
export const mergeLatencies = (parts: readonly Latency[]): Latency => {
  const whole = new Latency()
  for (const part of parts) whole.merge(part)
  return whole
}
