/**
 * Owns: the living map of a fabric: reads the stored table when it was replaced, watches the nodes,
 * and tells its listeners of both.
 * Must not know: who writes the table, what is done about a change.
 *
 * A table that cannot be read or decoded leaves the last good one in force; it is read again after
 * `readAgainMs` and at the next change. Reads may overlap; the newest version wins.
 * Shutdown: `close` ends the subscriptions; a read under way changes nothing any more.
 */
import type { Membership, SeenNode, StoredTable, TableStore } from "@skein/journal"
import {
  type Clock,
  invariant,
  isSkeinError,
  type NodeName,
  type SkeinError,
  skeinError,
} from "@skein/model"
import { decodeTable, emptyTable, type ShardTable } from "@skein/placement"
import type { FabricMap } from "./FabricMap.js"

export interface FabricMapOptions {
  readonly membership: Membership
  readonly tables: TableStore
  /** How many the fabric has; a table with another number is refused. */
  readonly shards: number
  readonly clock: Clock
  /** A table that could not be used. Default: it is not told. */
  readonly onFault?: (error: SkeinError) => void
}

export interface LiveFabricMap extends FabricMap {
  /** Resolves when what is stored now is known here, or could not be read. Never rejects. */
  readonly reread: () => Promise<void>
  readonly close: () => void
}

const readAgainMs = 1_000

/** Resolves after the first look at the stored table. */
export const makeFabricMap = async (options: FabricMapOptions): Promise<LiveFabricMap> => {
  const map = new Live(options)
  await map.reread()
  return map
}

class Live implements LiveFabricMap {
  readonly self: NodeName
  private readonly listeners = new Set<() => void>()
  private readonly unsubscribe: readonly (() => void)[]
  private changes = 0
  private stored: ShardTable
  private living: ReadonlyMap<NodeName, SeenNode>
  /** A read under way, and the one that is to follow it. */
  private reading: Promise<void> | undefined
  private following: Promise<void> | undefined
  private disarm: () => void = () => {}
  private closed = false

  constructor(private readonly options: FabricMapOptions) {
    const { membership, tables, shards } = options
    const own = membership.nodes().find(({ instance }) => instance === membership.self)
    invariant(own !== undefined, "a node sees itself")
    this.self = own.node
    this.stored = emptyTable(shards)
    this.living = livingOf(membership)
    this.unsubscribe = [
      membership.onChange(() => {
        this.living = livingOf(membership)
        this.changed()
      }),
      tables.onChange(() => void this.reread()),
    ]
  }

  readonly version = (): number => this.changes
  readonly table = (): ShardTable => this.stored
  readonly nodes = (): readonly SeenNode[] => this.options.membership.nodes()

  readonly ownerOf = (shard: number): SeenNode | undefined => {
    const owner = this.stored.owners[shard]
    return owner === undefined ? undefined : this.living.get(owner)
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly reread = (): Promise<void> => {
    const { reading } = this
    if (reading === undefined) return this.begin()
    // The read under way may have begun before the change that is asked for.
    this.following ??= reading.then(() => {
      this.following = undefined
      return this.begin()
    })
    return this.following
  }

  readonly close = (): void => {
    this.closed = true
    this.disarm()
    this.listeners.clear()
    for (const end of this.unsubscribe) end()
  }

  private begin(): Promise<void> {
    const run = this.read().finally(() => {
      if (this.reading === run) this.reading = undefined
    })
    this.reading = run
    return run
  }

  private async read(): Promise<void> {
    this.disarm()
    try {
      const stored = await this.options.tables.read()
      if (stored !== undefined && stored.version > this.stored.version) this.take(stored)
    } catch (cause) {
      this.failed(
        isSkeinError(cause)
          ? cause
          : skeinError("InternalError", "the shard table could not be read", {}, { cause }),
      )
    }
  }

  private take({ bytes, version }: StoredTable): void {
    if (this.closed) return
    const table = decodeTable(bytes, version, this.options.shards)
    if (isSkeinError(table)) return this.failed(table)
    this.stored = table
    this.changed()
  }

  private failed(error: SkeinError): void {
    if (this.closed) return
    this.options.onFault?.(error)
    this.disarm = this.options.clock.setTimer(readAgainMs, () => void this.reread())
  }

  private changed(): void {
    if (this.closed) return
    this.changes += 1
    for (const listener of [...this.listeners]) listener()
  }
}

/** By name. Of two instances of a name the younger counts: it was started when the other ended. */
const livingOf = ({ self, nodes }: Membership): ReadonlyMap<NodeName, SeenNode> => {
  const living = new Map<NodeName, SeenNode>()
  for (const node of nodes()) {
    if (node.silent && node.instance !== self) continue
    const known = living.get(node.node)
    if (known === undefined || known.sinceMs <= node.sinceMs) living.set(node.node, node)
  }
  return living
}
