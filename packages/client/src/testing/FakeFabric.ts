/**
 * Owns: a small honest fabric in memory behind the two ports, with faults that a test programs:
 * connections that break before, after or long before a request takes effect, refusals, restarts.
 * Must not know: the library under test, beyond the connection it hands out.
 */
import {
  type Clock,
  decodeQueuePolicy,
  isSkeinError,
  limits,
  type SkeinError,
  skeinError,
} from "@skein/model"
import type {
  Admin,
  Broker,
  ClusterStatus,
  DeliveredRun,
  FetchCall,
  FetchRequest,
  QueueInfo,
  SettleAnswer,
  SettleRequest,
} from "@skein/wire"
import { Deferred } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import { FakeQueue } from "./FakeQueue.js"

export type FakeOp = "admin" | "extend" | "fetch" | "openSession" | "publish" | "settle"

/**
 * `dropBefore`: the connection breaks, nothing happened. `dropAfter`: it breaks, but it happened.
 * `late`: it breaks, and the request takes effect after the next connection's first request.
 * An error: the request is refused with it and nothing happened.
 */
export type Fault = "dropAfter" | "dropBefore" | "late" | "none" | SkeinError

interface Wait {
  readonly request: FetchRequest
  readonly answer: (runs: readonly DeliveredRun[]) => void
}

interface FakeSession {
  readonly answered: Map<string, readonly number[]>
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
  readonly publishes: { readonly number: number; readonly messages: number }[] = []
  readonly #clock: Clock
  readonly #byName = new Map<string, FakeQueue>()
  readonly #byGeneration = new Map<number, FakeQueue>()
  #sessions = new Map<string, FakeSession>()
  #waits: Wait[] = []
  #live = new Set<FakeConnection>()
  #late: (() => void)[] = []
  #generation = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  open = async (): Promise<FabricConnection> => {
    if (this.connectError !== undefined) throw this.connectError
    this.connections++
    const connection = new FakeConnection(this, this.#clock)
    this.#live.add(connection)
    return connection
  }

  queue(name: string): FakeQueue {
    const queue = this.#byName.get(name)
    if (queue === undefined) throw skeinError("QueueNotFound", name)
    return queue
  }

  /** Breaks every connection. */
  disconnect(): void {
    for (const connection of [...this.#live]) connection.die()
  }

  /** As after kill -9: sessions and leases are gone, messages and producers are not. */
  restart(): void {
    this.disconnect()
    this.epoch++
    this.#sessions = new Map()
    this.#waits = []
    for (const queue of this.#byName.values()) {
      for (const one of queue.messages) {
        if (one.state !== "leased") continue
        one.state = "ready"
        one.redelivered = true
      }
    }
  }

  /** Leases run out as the clock says. */
  expireLeases(): void {
    for (const queue of this.#byName.values()) queue.expire(this.#clock.monotonicMs())
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
    const queue = this.#byGeneration.get(generation)
    if (queue === undefined) throw skeinError("QueueNotFound", `no generation ${generation}`)
    return queue
  }

  declare(name: string, policy: unknown): QueueInfo {
    const there = this.#byName.get(name)
    if (there !== undefined) return there.info
    const decoded = decodeQueuePolicy(policy)
    if (decoded._tag === "Left") throw skeinError("PolicyInvalid", decoded.left.message)
    const generation = ++this.#generation
    const info = { name, shard: 0, generation, policy: decoded.right }
    const queue = new FakeQueue(info, () => this.epoch)
    this.#byName.set(name, queue)
    this.#byGeneration.set(generation, queue)
    return info
  }

  delete(name: string): boolean {
    const queue = this.#byName.get(name)
    if (queue === undefined) return false
    this.#byName.delete(name)
    this.#byGeneration.delete(queue.info.generation)
    return true
  }

  names(): string[] {
    return [...this.#byName.keys()].sort()
  }

  openSession(id: string): void {
    if (!this.#sessions.has(id)) this.#sessions.set(id, { answered: new Map() })
  }

  closeSession(id: string): void {
    this.#sessions.delete(id)
    for (const queue of this.#byName.values()) {
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

  fetch(request: FetchRequest, answer: Wait["answer"]): void {
    const queue = this.find(request.queue.generation)
    const before = this.session(request.session).answered.get(numberOf(request))
    if (before !== undefined) {
      // The same again, as far as it is still leased to the session.
      const held = queue.held(request.session)
      answer(queue.runs(held.filter((one) => before.includes(one.sequence))))
      return
    }
    const wait: Wait = { request, answer }
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
      const queue = this.#byGeneration.get(request.queue.generation)
      if (queue === undefined || !this.#sessions.has(request.session)) continue
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

class FakeConnection implements FabricConnection {
  readonly broker: Broker
  readonly admin: Admin
  readonly #fabric: FakeFabric
  readonly #clock: Clock
  readonly #closed = new Deferred<SkeinError>()
  readonly #pending = new Set<(error: SkeinError) => void>()
  #isDead = false

  constructor(fabric: FakeFabric, clock: Clock) {
    this.#fabric = fabric
    this.#clock = clock
    this.broker = this.#broker()
    this.admin = this.#admin()
  }

  get closed(): Promise<SkeinError> {
    return this.#closed.promise
  }

  async close(): Promise<void> {
    this.die()
  }

  die(): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#fabric.dead(this)
    const error = skeinError("ConnectionFailed", "the fake connection broke")
    for (const reject of [...this.#pending]) reject(error)
    this.#closed.resolve(error)
  }

  #broker(): Broker {
    const fabric = this.#fabric
    return {
      publish: (request) =>
        this.#ask("publish", () => {
          fabric.publishes.push({
            number: request.frameNumber,
            messages: request.frame[2] + request.frame[3] * 256,
          })
          const answer = fabric.find(request.queue.generation).publish(request)
          if (isSkeinError(answer)) throw answer
          fabric.published()
          return answer
        }),
      fetch: (request) => this.#fetch(request),
      settle: (request) => this.#ask("settle", () => fabric.settle(request)),
      extend: (request) =>
        this.#ask("extend", () => {
          fabric.session(request.session)
          const queue = fabric.find(request.queue.generation)
          const gone: number[] = []
          for (let at = 0; at < request.ranges.length; at += 2) {
            for (let s = request.ranges[at]; s <= request.ranges[at + 1]; s++) {
              const message = queue.messages[s - 1]
              const leaseMs = request.leaseMs ?? queue.info.policy.leaseMs
              if (message.state === "leased" && message.session === request.session) {
                message.leaseUntilMs = this.#clock.monotonicMs() + leaseMs
              } else gone.push(s, s)
            }
          }
          return gone
        }),
      openSession: (id) => this.#ask("openSession", () => fabric.openSession(id)),
      closeSession: (id) => this.#ask("openSession", () => fabric.closeSession(id)),
    }
  }

  #fetch(request: FetchRequest): FetchCall {
    const settled = new Deferred<SettleAnswer>()
    const delivered = new Deferred<readonly DeliveredRun[]>()
    const fail = (error: SkeinError): void => {
      settled.reject(error)
      delivered.reject(error)
      this.#pending.delete(fail)
    }
    if (this.#isDead) fail(skeinError("ConnectionFailed", "the fake connection is dead"))
    else {
      this.#pending.add(fail)
      this.#run("fetch", fail, () => {
        const lost = this.#fabric.settle(request)
        this.#fabric.fetch(request, (runs) =>
          this.#reply(() => {
            this.#pending.delete(fail)
            delivered.resolve(runs)
          }),
        )
        return () => settled.resolve(lost)
      })
    }
    return {
      settled: settled.promise,
      delivered: delivered.promise,
      cancel: () => this.#fabric.endWait(request),
    }
  }

  #ask<A>(op: FakeOp, act: () => A): Promise<A> {
    const answer = new Deferred<A>()
    if (this.#isDead) {
      answer.reject(skeinError("ConnectionFailed", "the fake connection is dead"))
      return answer.promise
    }
    const fail = (error: SkeinError): void => {
      this.#pending.delete(fail)
      answer.reject(error)
    }
    this.#pending.add(fail)
    this.#run(op, fail, () => {
      const value = act()
      return () => {
        this.#pending.delete(fail)
        answer.resolve(value)
      }
    })
    return answer.promise
  }

  #run(op: FakeOp, fail: (error: SkeinError) => void, act: () => () => void): void {
    const fault = this.#fabric.fault(op)
    const attempt = (): void => {
      try {
        const reply = act()
        if (fault === "none") this.#reply(reply)
      } catch (error) {
        if (!isSkeinError(error)) throw error
        if (fault === "none") this.#reply(() => fail(error))
      }
    }
    if (isSkeinError(fault)) this.#reply(() => fail(fault))
    else if (fault === "late") this.#fabric.later(attempt)
    else if (fault !== "dropBefore") attempt()
    if (fault === "dropBefore" || fault === "dropAfter" || fault === "late") this.die()
    else this.#fabric.runLate()
  }

  #reply(reply: () => void): void {
    const send = (): void => {
      if (!this.#isDead) reply()
    }
    if (this.#fabric.delayMs === 0) queueMicrotask(send)
    else this.#clock.setTimer(this.#fabric.delayMs, send)
  }

  #admin(): Admin {
    const fabric = this.#fabric
    const showOf = (name: string) => {
      const queue = fabric.queue(name)
      const ready = queue.messages.filter((one) => one.state === "ready").length
      const leased = queue.messages.filter((one) => one.state === "leased").length
      const counts = { ...noCounts, ready, leased, total: ready + leased }
      return { ...queue.info, counts, state: "serving" as const }
    }
    return {
      declare: (name, policy) => this.#ask("admin", () => fabric.declare(name, policy ?? {})),
      delete: (name) => this.#ask("admin", () => fabric.delete(name)),
      lookup: (name) => this.#ask("admin", () => fabric.queue(name).info),
      list: () =>
        this.#ask("admin", () => ({
          queues: fabric.names().map((name) => fabric.queue(name).info),
        })),
      show: (name) => this.#ask("admin", () => showOf(name)),
      purge: (name) =>
        this.#ask("admin", () => {
          const ready = fabric.queue(name).messages.filter((one) => one.state === "ready")
          for (const message of ready) message.state = "gone"
          return ready.length
        }),
      peek: ({ name, messagesMax }) =>
        this.#ask("admin", () =>
          fabric
            .queue(name)
            .messages.filter((one) => one.state !== "gone")
            .slice(0, messagesMax ?? limits.peekMessagesMax)
            .map((one) => ({
              sequence: one.sequence,
              body: one.body,
              redelivered: one.redelivered,
              failed: one.failed,
              returned: one.returned,
            })),
        ),
      status: () => this.#ask("admin", () => fakeStatus(fabric.names().length)),
      cluster: () => this.#ask("admin", () => fakeCluster),
    }
  }
}

const noCounts = {
  bytes: 0,
  published: 0,
  duplicates: 0,
  acked: 0,
  rejected: 0,
  returned: 0,
  failed: 0,
  purged: 0,
  producers: 0,
  sessions: 0,
  dedupIds: 0,
}

const fakeCluster: ClusterStatus = {
  fabricId: "fake",
  node: "fake",
  nodes: [],
  tableVersion: 0,
  shards: 1,
  unplaced: [],
  decisions: [],
  problems: [],
}

const fakeStatus = (queues: number) => ({
  version: "0",
  fabricId: "fake",
  node: "fake",
  instance: "fake",
  address: "memory",
  pid: 0,
  uptimeMs: 0,
  shards: 1,
  shardsOpen: 1,
  queues,
  connections: 1,
  sessions: 0,
  rssBytes: 0,
  journal: {
    driver: "fake",
    durability: "none",
    uncleanedBytes: 0,
    freeBytes: 0,
    commits: 0,
    committedBytes: 0,
  },
  tree: [],
  limits: {},
})
