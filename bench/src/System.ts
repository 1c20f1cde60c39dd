/**
 * The one seam between the harness and what it measures: each broker is one file that implements
 * `System`. The harness knows nothing of a protocol; a driver knows nothing of windows, rates or
 * histograms. Drivers run inside the client process, brokers outside of it.
 */

export const systemNames = [
  "skein",
  "bare-loop",
  "redis-streams",
  "rabbitmq",
  "nats",
  "bullmq",
] as const
export type SystemName = (typeof systemNames)[number]

/** The systems that belong to somebody else, as named by `--peers`. */
export const peerNames = ["redis-streams", "rabbitmq", "nats", "bullmq"] as const
export type PeerName = (typeof peerNames)[number]

export interface Version {
  readonly version: string
  /** Month of this version or its line, `2024-01`; absent when not known. */
  readonly released?: string
}

export interface System {
  readonly name: SystemName
  /** What a confirm means here, in one line of plain words. */
  readonly durability: string
  /** Why it cannot be measured on this machine; undefined when it can. */
  absent(): Promise<string | undefined>
  /** Why it cannot take part under this demand; undefined when it can. */
  unfit(demand: Demand): string | undefined
  version(): Promise<Version>
  /** Starts a broker on `dir`, on 127.0.0.1 only. A second start on the same dir recovers it. */
  start(dir: string): Promise<Broker>
}

/** What a scenario will ask of a system. */
export interface Demand {
  readonly queues: number
  readonly consumers: number
  /** Messages wait without a consumer. */
  readonly backlog: boolean
  /** The broker is killed and started again on its data. */
  readonly restart: boolean
}

export interface Broker {
  /** Roots of the broker's process trees; the sampler adds their descendants. */
  readonly pids: readonly number[]
  /** A new client connection (or the set of connections its usual client needs). */
  connect(onFailure: (error: unknown) => void): Promise<Session>
  /** SIGKILL, without warning. */
  kill(): Promise<void>
  /** Ends the broker; may be called twice, and after kill. */
  stop(): Promise<void>
}

export interface Session {
  /** Creates durable queues; repeating is harmless. */
  declare(queues: readonly string[]): Promise<void>
  publisher(queue: string): Promise<Publisher>
  /**
   * `onMessages` gets the bodies in order; the driver acks them after it returns. `prefetch` is
   * the number of unacked messages that the driver may hold.
   */
  consumer(queue: string, prefetch: number, onMessages: OnMessages): Promise<Consumer>
  /** Lists all queues, as an operator would: their number. Absent when there is no such call. */
  list?(): Promise<number>
  close(): Promise<void>
}

export type OnMessages = (bodies: readonly Uint8Array[]) => void

export interface Publisher {
  /** Resolves when all bodies are confirmed under the system's stated durability. */
  publish(bodies: readonly Uint8Array[]): Promise<unknown>
}

export interface Consumer {
  stop(): Promise<void>
}
