/**
 * Owns: what the nodes of one fabric share, in memory, for tests: stored shards, tokens, the table,
 * and who is alive; and nodes over it, under supervision and a manual clock.
 */
import {
  type LiveFabricMap,
  type MoveOutcome,
  type MovePeer,
  makeFabricMap,
  makeMoveShard,
} from "@skein/cluster"
import {
  ManualClock,
  type Membership,
  MemoryStore,
  MemoryTokens,
  memoryJournal,
  memoryOwnership,
  type SeenNode,
  type TableStore,
} from "@skein/journal"
import type { NodeName, Shard, SkeinError } from "@skein/model"
import { encodeTable, type MovingShard } from "@skein/placement"
import type { SupervisorFailure } from "@skein/supervision"
import { Effect, type Scope } from "effect"
import { makeNode } from "../Node.js"
import type { NodeCore } from "../NodeCore.js"
import { FaultyJournal } from "./FaultyJournal.js"
import { outsideForTests } from "./Rig.js"

export interface NodeOfFabric {
  readonly core: NodeCore
  readonly journal: FaultyJournal
  readonly map: LiveFabricMap
  readonly failed: Effect.Effect<never, SupervisorFailure>
}

export class SharedFabric {
  readonly clock = new ManualClock()
  readonly store = new MemoryStore()
  readonly tokens = new MemoryTokens()
  readonly faults: string[] = []
  readonly givenUp: string[] = []
  /** Nodes that do not hear of a change of the table. */
  readonly deaf = new Set<NodeName>()
  private nodes: SeenNode[] = []
  /** How often a call about a move arrives; 0: it is lost. */
  say: (from: NodeName, to: NodeName, what: keyof MovePeer) => number = () => 1
  /** How moves ended, at their sources. */
  readonly moves: string[] = []
  readonly cores = new Map<NodeName, NodeCore>()
  owners: readonly (NodeName | undefined)[] = []
  private moving: readonly MovingShard[] = []
  private version = 0
  private bytes = new Uint8Array(0)
  private readonly watchers = new Set<() => void>()
  private readonly readers = new Map<() => void, NodeName>()

  constructor(readonly shards: number) {}

  /** Stores a table: one owner a shard, and tells who can hear. */
  give(...owners: readonly (NodeName | undefined)[]): void {
    this.version += 1
    this.owners = owners
    const { version, moving } = this
    this.bytes = new Uint8Array(encodeTable({ version, owners, draining: [], moving }))
    for (const [tell, node] of [...this.readers]) if (!this.deaf.has(node)) tell()
  }

  /** Has the shard moved as a manager does: told in the table before and after. */
  async move(shard: Shard, to: NodeName): Promise<MoveOutcome> {
    const from = this.owners[shard]
    this.moving = [...this.moving.filter((one) => one.shard !== shard), { shard, to }]
    this.give(...this.owners)
    const carryOut = makeMoveShard({
      clock: this.clock,
      nodes: () => this.nodes,
      peerOf: (node) => this.peerOf("manager", node),
      holderOf: async (moved) => this.tokens.holder(moved)?.instance,
    })
    const outcome = await carryOut({ shard, from, to, reason: "a test", kind: "operator" })
    this.moving = this.moving.filter((one) => one.shard !== shard)
    const owners = this.owners.map((owner, at) => (at === shard && outcome === "done" ? to : owner))
    this.give(...owners)
    return outcome
  }

  /** What one node says to another about moves: `say` decides what becomes of it. */
  private peerOf(from: NodeName, to: NodeName): MovePeer {
    const call =
      <A extends readonly unknown[], B>(
        name: keyof MovePeer,
        run: (peer: MovePeer) => (...args: A) => Promise<B>,
      ) =>
      async (...args: A): Promise<B> => {
        const times = this.say(from, to, name)
        const peer = this.cores.get(to)?.moves
        if (times === 0 || peer === undefined) throw new Error(`${name} is lost`)
        const first = run(peer)(...args)
        for (let again = 1; again < times; again++) run(peer)(...args).catch(() => {})
        return first
      }
    return {
      invite: call("invite", (peer) => peer.invite),
      behind: call("behind", (peer) => peer.behind),
      handed: call("handed", (peer) => peer.handed),
      serving: call("serving", (peer) => peer.serving),
      refused: call("refused", (peer) => peer.refused),
      uninvite: call("uninvite", (peer) => peer.uninvite),
      startMove: call("startMove", (peer) => peer.startMove),
    }
  }

  /** The others see no sign of life of it. */
  silence(node: NodeName, silent = true): void {
    this.nodes = this.nodes.map((one) => (one.node === node ? { ...one, silent } : one))
    for (const tell of [...this.watchers]) tell()
  }

  /** Starts a node; closing the scope stops it in order. */
  start(node: NodeName): Effect.Effect<NodeOfFabric, SupervisorFailure, Scope.Scope> {
    return Effect.gen(this, function* () {
      const instance = node.replace("n", "").padStart(32, "0")
      this.nodes = [...this.nodes, seenNode(node, instance)]
      for (const tell of [...this.watchers]) tell()
      const { clock, shards, store, tokens } = this
      const ownership = memoryOwnership(tokens, instance)
      const journal = new FaultyJournal(memoryJournal({ store, ownership }))
      const membership = this.membership(instance)
      const tables = this.tables(node)
      const map = yield* Effect.acquireRelease(
        Effect.promise(() => makeFabricMap({ membership, tables, shards, clock })),
        (live) => Effect.sync(() => live.close()),
      )
      const onFault = (where: string, error: SkeinError) => {
        this.faults.push(`${node} ${where} ${error._tag}`)
      }
      const { core, failed } = yield* makeNode({
        journal,
        clock,
        shards,
        outside: outsideForTests,
        onFault,
        cluster: {
          fabricMap: map,
          reread: map.reread,
          holderOf: async (shard: Shard) => tokens.holder(shard)?.instance,
          onGivenUp: (given) => this.givenUp.push(`${node} ${given.join()}`),
          moves: {
            instance,
            peerOf: (to) => this.peerOf(node, to),
            tokenOf: async (shard) => tokens.holder(shard),
            onEnd: ({ shard, to }, { outcome, why }) => {
              this.moves.push(`${shard} ${node} ${to} ${outcome}: ${why}`)
            },
          },
        },
      })
      this.cores.set(node, core)
      return { core, journal, map, failed }
    })
  }

  private membership(self: string): Membership {
    return {
      self,
      tell: async () => {},
      nodes: () => this.nodes,
      onChange: (listener) => {
        this.watchers.add(listener)
        return () => this.watchers.delete(listener)
      },
    }
  }

  private tables(node: NodeName): TableStore {
    return {
      read: async () =>
        this.version === 0 ? undefined : { version: this.version, bytes: this.bytes },
      replace: async () => false,
      onChange: (listener) => {
        this.readers.set(listener, node)
        return () => this.readers.delete(listener)
      },
    }
  }
}

const seenNode = (node: NodeName, instance: string): SeenNode => ({
  instance,
  node,
  host: "h",
  pid: 1,
  address: `127.0.0.1:${node}`,
  sinceMs: 0,
  state: "serving",
  silent: false,
  dead: false,
})
