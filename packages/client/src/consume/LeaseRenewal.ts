/** Owns: when the leases of what a consumer holds are renewed (a few times per lease), and whose. */
import type { QueueRef } from "@skein/model"
import { ignore } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import type { Runtime } from "../Runtime.js"
import { extendLeases } from "./extendLeases.js"
import type { HeldRun } from "./HeldRun.js"
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
    const { queue, renewLeaseMs, renewHandedOut } = this.#settings
    const runs = [...this.#held].filter((run) => renewHandedOut || !run.handedOut)
    const asked = extendLeases(fabric, runs, {
      queue,
      session: this.#host.session().id,
      ...(renewLeaseMs !== undefined && { leaseMs: renewLeaseMs }),
      marks: () => true,
      onLost: this.#host.lost,
    })
    // A failed renewal is repeated by the next one; a lost lease shows at the settle at last.
    for (const one of asked) one.catch(ignore)
  }
}
