/**
 * Owns: renewing the leases of what a consumer holds, a few times per lease, in ranges, in as many
 * requests as they need; and marking what the node no longer leases to us as lost.
 */
import type { Epoch, QueueRef, Sequence } from "@skein/model"
import { ignore } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import type { Runtime } from "../Runtime.js"
import { requestRanges } from "./cutRanges.js"
import { type HeldRun, lost } from "./HeldRun.js"
import type { Session } from "./SessionKeeper.js"

export interface LeaseRenewalHost {
  readonly fabric: () => FabricConnection | undefined
  readonly session: () => Session
  readonly lost: (run: HeldRun, messages: number) => void
}

export class LeaseRenewal {
  readonly #runtime: Runtime
  readonly #settings: {
    readonly queue: QueueRef
    readonly leaseMs: number
    readonly renewHandedOut: boolean
    readonly renewLeaseMs?: number
  }
  readonly #held: ReadonlySet<HeldRun>
  readonly #host: LeaseRenewalHost
  #cancel: () => void = ignore

  constructor(
    settings: {
      readonly runtime: Runtime
      readonly queue: QueueRef
      readonly leaseMs: number
      readonly renewHandedOut: boolean
      readonly renewLeaseMs?: number
    },
    held: ReadonlySet<HeldRun>,
    host: LeaseRenewalHost,
  ) {
    this.#runtime = settings.runtime
    this.#settings = settings
    this.#held = held
    this.#host = host
    this.#later()
  }

  stop(): void {
    this.#cancel()
  }

  #later(): void {
    const { leaseMs, renewLeaseMs } = this.#settings
    const everyMs = Math.min(leaseMs, renewLeaseMs ?? leaseMs) / 3
    this.#cancel = this.#runtime.clock.setTimer(everyMs, () => {
      this.#renew()
      this.#later()
    })
  }

  #renew(): void {
    const fabric = this.#host.fabric()
    if (fabric === undefined) return
    const byEpoch = new Map<Epoch, HeldRun[]>()
    for (const run of this.#held) {
      if (run.handedOut && !this.#settings.renewHandedOut) continue
      const runs = byEpoch.get(run.run.epoch)
      if (runs === undefined) byEpoch.set(run.run.epoch, [run])
      else runs.push(run)
    }
    for (const [epoch, runs] of byEpoch) {
      for (const ranges of requestRanges(rangesOf(runs))) {
        this.#extend(fabric, epoch, runs, ranges)
      }
    }
  }

  #extend(
    fabric: FabricConnection,
    epoch: Epoch,
    runs: readonly HeldRun[],
    ranges: readonly Sequence[],
  ): void {
    const { queue, renewLeaseMs } = this.#settings
    const session = this.#host.session().id
    const leaseMs = renewLeaseMs === undefined ? {} : { leaseMs: renewLeaseMs }
    // A failed renewal is repeated by the next one; a lost lease shows at the settle at last.
    fabric.broker
      .extend({ queue, session, epoch, ranges, ...leaseMs })
      .then((gone) => this.#markLost(runs, gone), ignore)
  }

  #markLost(runs: readonly HeldRun[], gone: readonly Sequence[]): void {
    if (gone.length === 0) return
    for (const run of runs) {
      let messages = 0
      for (let index = 0; index < run.count; index++) {
        const sequence = run.sequence(index)
        if (holds(gone, sequence) && run.mark(index, lost)) messages++
      }
      if (messages > 0) this.#host.lost(run, messages)
    }
  }
}

const rangesOf = (runs: readonly HeldRun[]): Sequence[] => {
  const pairs: (readonly [Sequence, Sequence])[] = []
  for (const run of runs) run.heldRanges((first, last) => pairs.push([first, last]))
  pairs.sort((a, b) => a[0] - b[0])
  const ranges: Sequence[] = []
  for (const [first, last] of pairs) {
    if (ranges.length > 0 && ranges[ranges.length - 1] + 1 === first) {
      ranges[ranges.length - 1] = last
    } else ranges.push(first, last)
  }
  return ranges
}

const holds = (ranges: readonly Sequence[], sequence: Sequence): boolean => {
  for (let at = 0; at < ranges.length; at += 2) {
    if (ranges[at] <= sequence && sequence <= ranges[at + 1]) return true
  }
  return false
}
