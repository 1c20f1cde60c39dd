/**
 * Owns: a fabric for tests of the manager's shell: membership, table and token in memory, several
 * nodes in one process, and a manual clock.
 */
import type { ManagerToken, Membership, SeenNode, StoredTable, TableStore } from "@skein/journal"
import { ManualClock } from "@skein/journal"
import { limits, type NodeName, type Shard, type SkeinError } from "@skein/model"
import { decodeTable, type ShardLoad, type ShardTable } from "@skein/placement"
import { Manager, type ManagerOptions } from "../manager/Manager.js"
import { ManagerCalls } from "../manager/ManagerCalls.js"
import type { ManagerEvent } from "../manager/ManagerEvent.js"

/** A node as the tests see it. */
export interface TestNode {
  readonly manager: Manager
  readonly calls: ManagerCalls
  readonly events: ManagerEvent[]
}

export class ManagedFabric {
  readonly clock = new ManualClock()
  readonly loads = new Map<Shard, ShardLoad>()
  readonly running: TestNode[] = []
  /** Awaited before each replacement is stored: a test may let another be quicker. */
  beforeReplace: () => Promise<void> = async () => {}
  /** Nobody hears of a new table. */
  isMute = false
  stored: StoredTable | undefined
  token: { epoch: number; instance: string } | undefined
  private seen: SeenNode[] = []
  private readonly nodeListeners = new Set<() => void>()
  private readonly tableListeners = new Set<() => void>()

  constructor(readonly shards: number) {}

  /** Starts a node's manager; instances are `name#number`. */
  start(name: NodeName, options: Partial<ManagerOptions> = {}, life = 1): TestNode {
    const instance = `${name}#${life}`
    this.see(name, { instance, state: "serving", silent: false, dead: false })
    const events: ManagerEvent[] = []
    const manager = new Manager({
      self: name,
      shards: this.shards,
      clock: this.clock,
      membership: this.membershipOf(instance),
      table: this.tableStore(),
      token: this.tokenOf(instance),
      loads: () => this.loads,
      onDecision: (event) => events.push(event),
      ...options,
    })
    const node = { manager, calls: new ManagerCalls(manager), events }
    this.running.push(node)
    return node
  }

  /** Changes what is seen of a node. */
  see(node: NodeName, change: Partial<SeenNode>): void {
    const before = this.seen.find((each) => each.node === node)
    const fresh: SeenNode = {
      node,
      instance: `${node}#1`,
      host: "h",
      pid: 1,
      address: `127.0.0.1:${4000 + this.seen.length}`,
      sinceMs: 0,
      state: "serving",
      silent: false,
      dead: false,
    }
    this.seen = this.seen.filter((each) => each !== before)
    this.seen.push({ ...(before ?? fresh), ...change })
    for (const listener of [...this.nodeListeners]) listener()
  }

  /** The process is gone: its manager stops, and the others see that at once. */
  async kill(node: NodeName, { manager }: TestNode): Promise<void> {
    await manager.stop()
    this.see(node, { silent: true, dead: true })
  }

  table(): ShardTable {
    if (this.stored === undefined) throw new Error("there is no table")
    const table = decodeTable(this.stored.bytes, this.stored.version, this.shards)
    if (table instanceof Error) throw table
    return table
  }

  /** How many shards each node has. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const owner of this.table().owners) {
      counts[owner ?? "-"] = (counts[owner ?? "-"] ?? 0) + 1
    }
    return counts
  }

  /** Lets everything happen that follows without time going on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 300; turn++) await Promise.resolve()
  }

  /** Lets time go on in small steps, each with all that follows. */
  async run(ms: number): Promise<void> {
    await this.settle()
    for (let gone = 0; gone < ms; gone += limits.aliveEveryMs / 3) {
      this.clock.advance(limits.aliveEveryMs / 3)
      await this.settle()
    }
  }

  async stop(): Promise<void> {
    for (const { manager } of this.running) await manager.stop()
  }

  /** Somebody else writes. */
  overwrite(bytes: Uint8Array): void {
    this.stored = { version: (this.stored?.version ?? 0) + 1, bytes }
    if (this.isMute) return
    for (const listener of [...this.tableListeners]) listener()
  }

  private membershipOf(self: string): Membership {
    return {
      self,
      tell: async () => {},
      nodes: () => this.seen,
      onChange: (listener) => {
        this.nodeListeners.add(listener)
        return () => this.nodeListeners.delete(listener)
      },
    }
  }

  private tableStore(): TableStore {
    return {
      read: async () => this.stored,
      replace: async (after, bytes) => {
        await this.beforeReplace()
        if ((this.stored?.version ?? 0) !== after) return false
        this.overwrite(bytes)
        return true
      },
      onChange: (listener) => {
        this.tableListeners.add(listener)
        return () => this.tableListeners.delete(listener)
      },
    }
  }

  private tokenOf(instance: string): ManagerToken {
    return {
      claim: async () => {
        this.token = { epoch: (this.token?.epoch ?? 0) + 1, instance }
        return this.token.epoch
      },
      holds: (epoch) => this.token?.epoch === epoch && this.token.instance === instance,
      holder: async () => this.token,
    }
  }
}

export const failureOf = async (call: Promise<unknown>): Promise<SkeinError> => {
  try {
    await call
  } catch (error) {
    return error as SkeinError
  }
  throw new Error("it did not fail")
}
