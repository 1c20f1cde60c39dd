/** Owns: what has happened to a queue's messages since it was created. Durable. */

export interface Counters {
  published: number
  /** Messages that repeated a dedup id. */
  duplicates: number
  acked: number
  rejected: number
  /** Deliveries that ended by return, or with a session that closed. */
  returned: number
  /** Deliveries that ended otherwise without an ack: includes `expired` and `lost`. */
  failed: number
  /** Of `failed`: the lease ran out. */
  expired: number
  /** Of `failed`: the session was lost, or the owner crashed during a journaled redelivery. */
  lost: number
  purged: number
}

/** In the order in which checkpoints hold them. Append only. */
export const counterNames = [
  "published",
  "duplicates",
  "acked",
  "rejected",
  "returned",
  "failed",
  "expired",
  "lost",
  "purged",
] as const satisfies readonly (keyof Counters)[]

export const noCounters = (): Counters => ({
  published: 0,
  duplicates: 0,
  acked: 0,
  rejected: 0,
  returned: 0,
  failed: 0,
  expired: 0,
  lost: 0,
  purged: 0,
})
