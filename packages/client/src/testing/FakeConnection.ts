/**
 * Owns: one connection to a fake node: its requests with the faults that a test programs, its
 * answers, its end, and the maps that the node pushes over it.
 */
import { type Clock, isSkeinError, limits, type SkeinError, skeinError } from "@skein/model"
import type {
  Admin,
  Broker,
  ClusterStatus,
  DeliveredRun,
  FetchCall,
  FetchRequest,
  SettleAnswer,
  ShardMap,
} from "@skein/wire"
import { Deferred } from "../Deferred.js"
import type { FabricConnection } from "../link/FabricConnection.js"
import type { FakeFabric, FakeOp } from "./FakeFabric.js"

export class FakeConnection implements FabricConnection {
  readonly broker: Broker
  readonly admin: Admin
  readonly welcome: { readonly node: string; readonly instance: string }
  readonly #listeners = new Set<(map: ShardMap) => void>()
  #map: ShardMap | undefined
  readonly #fabric: FakeFabric
  readonly #clock: Clock
  readonly #closed = new Deferred<SkeinError>()
  readonly #pending = new Set<(error: SkeinError) => void>()
  #isDead = false

  constructor(fabric: FakeFabric, clock: Clock) {
    this.#fabric = fabric
    this.#clock = clock
    this.welcome = { node: fabric.place.node, instance: fabric.place.instance() }
    this.broker = this.#broker()
    this.admin = this.#admin()
  }

  get closed(): Promise<SkeinError> {
    return this.#closed.promise
  }

  shardMap = (): ShardMap | undefined => this.#map

  onShardMap = (listener: (map: ShardMap) => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The node tells its client; a stopped node tells nothing. */
  push(map: ShardMap): void {
    this.#reply(() => {
      this.#map = map
      for (const listener of [...this.#listeners]) listener(map)
    })
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
              if (queue.isHeld(message, request.session, request.epoch)) {
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
        this.#fabric.fetch(
          request,
          (runs) =>
            this.#reply(() => {
              this.#pending.delete(fail)
              delivered.resolve(runs)
            }),
          (error) => this.#reply(() => fail(error)),
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
    else if (typeof fault === "object") {
      attempt()
      this.#reply(() => fail(fault.happenedBut))
    } else if (fault === "late") this.#fabric.later(attempt)
    else if (fault !== "dropBefore") attempt()
    if (fault === "dropBefore" || fault === "dropAfter" || fault === "late") this.die()
    else this.#fabric.runLate()
  }

  #reply(reply: () => void): void {
    const send = (): void => {
      if (this.#isDead) return
      if (this.#fabric.frozen === undefined) reply()
      else this.#fabric.frozen.push(send)
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
      drainNode: (node) => this.#ask("admin", () => refuseNode(node)),
      reviveNode: () => this.#ask("admin", () => undefined),
      planMoves: () => this.#ask("admin", () => noPlan),
      rebalance: () => this.#ask("admin", () => noPlan),
      whyShard: (shard) => this.#ask("admin", () => [`${shard} is on fake`]),
      moveShard: (_, node) => this.#ask("admin", () => refuseNode(node)),
      decisions: () => this.#ask("admin", () => ({ log: "fake", decisions: [], last: 0 })),
      beginBackup: (shard) => this.#ask("admin", () => refuseBackup(shard)),
      readBackup: ({ shard }) => this.#ask("admin", () => refuseBackup(shard)),
      shardLoads: () => this.#ask("admin", () => ({ loads: [], silent: [] })),
      restartNode: (node) => this.#ask("admin", () => refuseNode(node)),
      clients: () => this.#ask("admin", () => ({ clients: [], more: 0, silent: [] })),
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

const noPlan = { moves: [], spread: { before: 1, after: 1 }, held: "fake is the only node" }

const refuseNode = (node: string): never => {
  if (node === "fake") throw skeinError("MoveRefused", "fake is the last node", { node })
  throw skeinError("NodeUnknown", `there is no node ${node}`, { node })
}

const refuseBackup = (shard: number): never => {
  throw skeinError("BackupEnded", `shard ${shard} of a fake`, { shard })
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
  ready: true,
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
