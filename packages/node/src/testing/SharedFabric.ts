/**
 * Owns: what the nodes of one fabric share, in memory, for tests: stored shards, tokens, the table,
 * and who is alive; and nodes over it, under supervision and a manual clock.
 */
import { type LiveFabricMap, makeFabricMap } from "@skein/cluster"
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
import { encodeTable } from "@skein/placement"
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
  private version = 0
  private bytes = new Uint8Array(0)
  private readonly watchers = new Set<() => void>()
  private readonly readers = new Map<() => void, NodeName>()

  constructor(readonly shards: number) {}

  /** Stores a table: one owner a shard, and tells who can hear. */
  give(...owners: readonly (NodeName | undefined)[]): void {
    this.version += 1
    this.bytes = new Uint8Array(encodeTable({ version: this.version, owners, draining: [] }))
    for (const [tell, node] of [...this.readers]) if (!this.deaf.has(node)) tell()
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
          onShardGivenUp: (shard) => this.givenUp.push(`${node} ${shard}`),
        },
      })
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
