/**
 * Owns: a fabric for tests of the port: it answers at once, or holds answers back until the test
 * lets them go. It checks what a real node checks first: frames and names.
 */
import {
  defaultQueuePolicy,
  queueNameProblem,
  type SessionId,
  SkeinError,
  skeinError,
} from "@skein/model"
import {
  type Admin,
  type Broker,
  type DeliveredRun,
  encodeFrame,
  type Fabric,
  type FetchRequest,
  type PublishRequest,
  type SettleRequest,
  viewFrame,
} from "@skein/wire"

type Resolve = () => void

export class StubFabric implements Fabric {
  readonly publishes: PublishRequest[] = []
  readonly fetches: FetchRequest[] = []
  readonly settles: SettleRequest[] = []
  readonly sessions = new Set<SessionId>()
  cancelled = 0
  /** Publishes are answered when `letGo` is called. */
  holding = false
  /** What a fetch gets; empty: it waits until it is cancelled. */
  runs: readonly DeliveredRun[] = []
  peeked = Uint8Array.of(1)
  /** Thrown by the next publish. */
  fault: unknown
  #held: Resolve[] = []
  #onHeld: Resolve = () => {}

  get held(): number {
    return this.#held.length
  }

  letGo(): void {
    const held = this.#held
    this.#held = []
    for (const resolve of held) resolve()
  }

  /** Resolves when `count` publishes are held. */
  async whenHeld(count: number): Promise<void> {
    while (this.#held.length < count) {
      await new Promise<void>((resolve) => {
        this.#onHeld = resolve
      })
    }
  }

  readonly broker: Broker = {
    publish: async (request) => {
      if (this.fault !== undefined) throw this.fault
      const frame = viewFrame(request.frame)
      if (frame instanceof SkeinError) throw frame
      this.publishes.push(request)
      if (this.holding) {
        await new Promise<void>((resolve) => {
          this.#held.push(resolve)
          this.#onHeld()
        })
      }
      return { first: 1, count: frame.count }
    },
    fetch: (request) => {
      this.fetches.push(request)
      let cancel: Resolve = () => {}
      const cancelled = new Promise<readonly DeliveredRun[]>((resolve) => {
        cancel = () => {
          this.cancelled++
          resolve([])
        }
      })
      return {
        settled: Promise.resolve([]),
        delivered: this.runs.length > 0 ? Promise.resolve(this.runs) : cancelled,
        cancel: () => cancel(),
      }
    },
    settle: async (request) => {
      this.settles.push(request)
      return []
    },
    extend: async ({ ranges }) => ranges,
    openSession: async (session) => {
      this.sessions.add(session)
    },
    closeSession: async (session) => {
      this.sessions.delete(session)
    },
  }

  readonly admin: Admin = {
    declare: async (name, policy) => {
      const problem = queueNameProblem(name)
      if (problem !== undefined) throw skeinError("QueueNameInvalid", problem)
      const leaseMs = policy?.leaseMs ?? defaultQueuePolicy.leaseMs
      return { name, shard: 1, generation: 2, policy: { ...defaultQueuePolicy, leaseMs } }
    },
    delete: async () => true,
    lookup: async () => {
      throw skeinError("QueueNotFound", "there is no such queue")
    },
    list: async () => ({ queues: [] }),
    show: async () => {
      throw new Error("a fault with the token hunter2 in it")
    },
    purge: async () => 3,
    peek: async () => [
      { sequence: 1, body: this.peeked, redelivered: false, failed: 0, returned: 0 },
    ],
    status: async () => {
      throw skeinError("ShardUnavailable", "not in a stub")
    },
    cluster: async () => {
      throw skeinError("ShardUnavailable", "not in a stub")
    },
    drainNode: notInStub,
    reviveNode: notInStub,
    planMoves: notInStub,
    rebalance: notInStub,
    whyShard: notInStub,
    moveShard: notInStub,
    decisions: notInStub,
    beginBackup: notInStub,
    readBackup: notInStub,
    shardLoads: notInStub,
    restartNode: notInStub,
    clients: notInStub,
  }
}

const notInStub = async (): Promise<never> => {
  throw skeinError("ManagerUnavailable", "not in a stub")
}

export const frameOf = (count: number, bodyBytes: number): Uint8Array =>
  encodeFrame(Array.from({ length: count }, () => ({ body: new Uint8Array(bodyBytes).fill(0x41) })))

export const runOf = (frame: Uint8Array, count: number): DeliveredRun => ({
  epoch: 1,
  attempt: 0,
  failed: 0,
  returned: 0,
  redelivered: false,
  first: 1,
  last: count,
  frame,
})

export const publishOf = (frame: Uint8Array, frameNumber = 1): PublishRequest => ({
  queue: { shard: 1, generation: 1 },
  producer: "ab".repeat(16),
  frameNumber,
  frame,
})

export const fetchOf = (change: Partial<FetchRequest> = {}): FetchRequest => ({
  queue: { shard: 1, generation: 1 },
  session: "cd".repeat(16),
  fetchNumber: 1,
  messagesMax: 10,
  bytesMax: 1000,
  waitMs: 1000,
  settles: [],
  ...change,
})
