/**
 * Owns: a small honest fabric in memory behind the two ports, with faults that a test programs:
 * connections that break before, after or long before a request takes effect, refusals, restarts.
 * Must not know: the library under test, beyond the connection it hands out.
 */
import { type Clock, decodeQueuePolicy, type SkeinError, skeinError } from "@skein/model"
import type {
  DeliveredRun,
  FetchRequest,
  QueueInfo,
  SettleAnswer,
  SettleRequest,
  ShardMap,
} from "@skein/wire"
import type { FabricConnection } from "../link/FabricConnection.js"
import { FakeConnection } from "./FakeConnection.js"
import { FakeQueue } from "./FakeQueue.js"

export type FakeOp = "admin" | "extend" | "fetch" | "openSession" | "publish" | "settle"

/**
 * `dropBefore`: the connection breaks, nothing happened. `dropAfter`: it breaks, but it happened.
 * `late`: it breaks, and the request takes effect after the next connection's first request.
 * An error: the request is refused with it and nothing happened. `HappenedBut`: it happened, and is
 * answered with an error all the same.
 */
export type Fault = "dropAfter" | "dropBefore" | "late" | "none" | HappenedBut | SkeinError

export interface HappenedBut {
  readonly happenedBut: SkeinError
}

interface Wait {
  readonly request: FetchRequest
  readonly answer: (runs: readonly DeliveredRun[]) => void
  readonly fail: (error: SkeinError) => void
}

interface FakeSession {
  readonly answered: Map<string, readonly number[]>
}

/** What outlives every node: queues with their messages, producers and leases. */
export class FakeStore {
  readonly byName = new Map<string, FakeQueue>()
  readonly byGeneration = new Map<number, FakeQueue>()
  generation = 0

  constructor(
    readonly shards: number,
    readonly epochOf: (shard: number) => number,
  ) {}
}

/** Which node of a fabric of several this is. */
export interface FakePlace {
  readonly node: string
  readonly instance: () => string
  /** Why this node does not serve the shard; `undefined`: it does. */
  readonly refuses: (shard: number) => SkeinError | undefined
  /** What it tells its clients; a node that is alone tells nothing. */
  readonly map: () => ShardMap | undefined
}

const alone: FakePlace = {
  node: "fake",
  instance: () => "fake",
  refuses: () => undefined,
  map: () => undefined,
}

export class FakeFabric {
  /** Asked for each request; replace it to program faults. */
  fault: (op: FakeOp) => Fault = () => "none"
  /** While set, connecting fails with it. */
  connectError: SkeinError | undefined
  /** Replies take so long. */
  delayMs = 0
  connections = 0
  epoch = 1
  /** While it is a list, the node is stopped: what it would send is kept there. */
  frozen: (() => void)[] | undefined
  readonly publishes: { readonly number: number; readonly messages: number }[] = []
  readonly #clock: Clock
  readonly #store: FakeStore
  #sessions = new Map<string, FakeSession>()
  #waits: Wait[] = []
  #live = new Set<FakeConnection>()
  #late: (() => void)[] = []

  constructor(
    clock: Clock,
    store?: FakeStore,
    readonly place: FakePlace = alone,
  ) {
    this.#clock = clock
    this.#store = store ?? new FakeStore(1, () => this.epoch)
  }

  open = async (): Promise<FabricConnection> => {
    if (this.connectError !== undefined) throw this.connectError
    this.connections++
    const connection = new FakeConnection(this, this.#clock)
    this.#live.add(connection)
    const map = this.place.map()
    if (map !== undefined) connection.push(map)
    return connection
  }

  queue(name: string): FakeQueue {
    const queue = this.#store.byName.get(name)
    if (queue === undefined) throw skeinError("QueueNotFound", name)
    return queue
  }

  /** Breaks every connection. */
  disconnect(): void {
    for (const connection of [...this.#live]) connection.die()
  }

  /** As after kill -9: sessions and leases are gone, messages and producers are not. */
  restart(): void {
    this.die()
    this.epoch++
    for (const queue of this.#store.byName.values()) queue.crash()
  }

  /** The process is gone, with its connections and sessions. */
  die(): void {
    this.disconnect()
    this.frozen = undefined
    this.#sessions = new Map()
    this.#waits = []
    this.#late = []
  }

  /** Goes on after it was stopped: all that it had to say is said now. */
  resume(): void {
    const kept = this.frozen ?? []
    this.frozen = undefined
    for (const send of kept) send()
  }

  /** The shard is another node's now: who waits here is told so. */
  leave(shard: number): void {
    const why = this.place.refuses(shard)
    for (const wait of [...this.#waits]) {
      if (wait.request.queue.shard !== shard || why === undefined) continue
      this.#waits.splice(this.#waits.indexOf(wait), 1)
      wait.fail(why)
    }
  }

  /** A new owner knows nothing of the fetches that the shard's queues answered before. */
  forgetFetches(shard: number): void {
    for (const { info } of this.#store.byName.values()) {
      if (info.shard !== shard) continue
      for (const { answered } of this.#sessions.values()) {
        for (const key of answered.keys()) {
          if (key.startsWith(`${info.generation}:`)) answered.delete(key)
        }
      }
    }
  }

  /** Serves what waits, say after a shard came here. */
  serve(): void {
    this.#serve()
  }

  push(map: ShardMap): void {
    for (const connection of this.#live) connection.push(map)
  }

  /** Leases run out as the clock says. */
  expireLeases(): void {
    for (const queue of this.#store.byName.values()) queue.expire(this.#clock.monotonicMs())
    this.#serve()
  }

  dead(connection: FakeConnection): void {
    this.#live.delete(connection)
  }

  later(run: () => void): void {
    this.#late.push(run)
  }

  runLate(): void {
    for (const run of this.#late.splice(0)) run()
  }

  find(generation: number): FakeQueue {
    const queue = this.#store.byGeneration.get(generation)
    if (queue === undefined) throw skeinError("QueueNotFound", `no generation ${generation}`)
    const why = this.place.refuses(queue.info.shard)
    if (why !== undefined) throw why
    return queue
  }

  declare(name: string, policy: unknown): QueueInfo {
    const there = this.#store.byName.get(name)
    if (there !== undefined) return there.info
    const decoded = decodeQueuePolicy(policy)
    if (decoded._tag === "Left") throw skeinError("PolicyInvalid", decoded.left.message)
    const store = this.#store
    const generation = ++store.generation
    const shard = (generation - 1) % store.shards
    const info = { name, shard, generation, policy: decoded.right }
    const queue = new FakeQueue(info, () => store.epochOf(shard))
    this.#store.byName.set(name, queue)
    this.#store.byGeneration.set(generation, queue)
    return info
  }

  delete(name: string): boolean {
    const queue = this.#store.byName.get(name)
    if (queue === undefined) return false
    this.#store.byName.delete(name)
    this.#store.byGeneration.delete(queue.info.generation)
    return true
  }

  names(): string[] {
    return [...this.#store.byName.keys()].sort()
  }

  openSession(id: string): void {
    if (!this.#sessions.has(id)) this.#sessions.set(id, { answered: new Map() })
  }

  closeSession(id: string): void {
    this.#sessions.delete(id)
    for (const queue of this.#store.byName.values()) {
      if (this.place.refuses(queue.info.shard) !== undefined) continue
      for (const message of queue.held(id)) queue.giveBack(message, "returned")
    }
    this.#serve()
  }

  session(id: string): FakeSession {
    const session = this.#sessions.get(id)
    if (session === undefined) throw skeinError("SessionUnknown", id)
    return session
  }

  settle(request: SettleRequest): SettleAnswer {
    this.session(request.session)
    const queue = this.find(request.queue.generation)
    const lost = request.settles.map((settle) => queue.settle(settle))
    this.#serve()
    return lost.some((ranges) => ranges.length > 0) ? lost : []
  }

  fetch(request: FetchRequest, answer: Wait["answer"], fail: Wait["fail"]): void {
    const queue = this.find(request.queue.generation)
    const before = this.session(request.session).answered.get(numberOf(request))
    if (before !== undefined) {
      // The same again, as far as it is still leased to the session.
      const held = queue.held(request.session)
      answer(queue.runs(held.filter((one) => before.includes(one.sequence))))
      return
    }
    const wait: Wait = { request, answer, fail }
    this.#waits = this.#waits.filter(({ request: other }) => !sameFetch(other, request))
    this.#waits.push(wait)
    this.#clock.setTimer(request.waitMs, () => this.#end(wait, []))
    this.#serve()
  }

  endWait(request: FetchRequest): void {
    for (const wait of [...this.#waits]) {
      if (sameFetch(wait.request, request)) this.#end(wait, [])
    }
  }

  published(): void {
    this.#serve()
  }

  #serve(): void {
    for (const wait of [...this.#waits]) {
      const { request } = wait
      const queue = this.#store.byGeneration.get(request.queue.generation)
      if (queue === undefined || !this.#sessions.has(request.session)) continue
      if (this.place.refuses(queue.info.shard) !== undefined) continue
      const untilMs = this.#clock.monotonicMs() + queue.info.policy.leaseMs
      const messages = queue.lease(request.session, request.messagesMax, request.bytesMax, untilMs)
      if (messages.length === 0) continue
      this.session(request.session).answered.set(
        numberOf(request),
        messages.map((one) => one.sequence),
      )
      this.#end(wait, queue.runs(messages))
    }
  }

  #end(wait: Wait, runs: readonly DeliveredRun[]): void {
    const at = this.#waits.indexOf(wait)
    if (at < 0) return
    this.#waits.splice(at, 1)
    wait.answer(runs)
  }
}

const numberOf = (request: FetchRequest): string =>
  `${request.queue.generation}:${request.fetchNumber}`

const sameFetch = (a: FetchRequest, b: FetchRequest): boolean =>
  a.session === b.session && numberOf(a) === numberOf(b)
