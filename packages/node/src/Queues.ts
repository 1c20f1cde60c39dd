/**
 * Owns: the way from a queue's address to its actor on this node: `hosts.get(shard)` in one step,
 * and the creation of an actor on first use, as the catalog says. First uses of one queue share one
 * look-up. A request for a shard that is elsewhere hears `Moved`; one for a shard that is on its
 * way here waits for it.
 * Must not know: what is asked of the actor.
 *
 * The race of a first use with a delete, wherever the catalog is: a delete removes the name (R),
 * then has the shard's node erase the queue (E); a first use looks the queue up (L), then creates
 * it (C). C after E would bring a deleted queue back for ever.
 * - E between L and C on the same host: E marks the first use under way, and C refuses.
 * - E before L began: R was durable then, and L, which is never answered from a cache, sees it.
 * - E after C: it finds the queue and erases it.
 * - E on another host of the shard (opened again, or on another node): C insists on the host that
 *   was open when L began; a host that has lost its token meanwhile cannot commit C.
 */
import type { FabricMap, Moves, ShardHost } from "@skein/cluster"
import {
  type Generation,
  type QueueRef,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import type { Arrivals } from "./Arrivals.js"
import type { CatalogDoor } from "./CatalogDoor.js"
import { QueueActor } from "./QueueActor.js"

export interface QueuesHome {
  readonly hosts: ReadonlyMap<Shard, ShardHost>
  readonly damaged: ReadonlyMap<Shard, SkeinError>
  /** Here or on another node; throws when it cannot be reached. */
  readonly catalog: () => CatalogDoor
  readonly create: (host: ShardHost, queue: QueueRef) => QueueActor
  readonly arrivals: Arrivals
  /** Absent: this node has all shards, and nobody waits for one. */
  readonly fabric: FabricMap | undefined
  /** Planned moves, of which the table may not tell yet. */
  readonly moves: () => Pick<Moves, "awaits" | "movedTo"> | undefined
}

interface FirstUse {
  readonly actor: Promise<QueueActor>
  readonly mark: { erased: boolean }
}

export class Queues {
  private readonly creating = new Map<Generation, FirstUse>()

  constructor(private readonly home: QueuesHome) {}

  /**
   * The actor, if it is there. Throws as {@link host} does, but not for a shard that is on its way
   * here: `get` waits for it.
   */
  find(queue: QueueRef): QueueActor | undefined {
    const host = this.home.hosts.get(queue.shard)
    if (host === undefined || !host.isServing) {
      if (this.isComing(queue.shard)) return undefined
      throw this.absence(queue.shard)
    }
    const actor = host.actors.get(queue.generation)
    return actor instanceof QueueActor ? actor : undefined
  }

  /**
   * The actor, made on first use. Rejects with QueueNotFound when the catalog has no such queue.
   */
  async get(queue: QueueRef): Promise<QueueActor> {
    if (this.isComing(queue.shard)) await this.home.arrivals.wait(queue.shard)
    const actor = this.find(queue)
    if (actor !== undefined) return actor
    const running = this.creating.get(queue.generation)
    if (running !== undefined) return running.actor
    const mark = { erased: false }
    const created = this.firstUse(queue, mark).finally(() => {
      this.creating.delete(queue.generation)
    })
    this.creating.set(queue.generation, { actor: created, mark })
    return created
  }

  /**
   * Throws Moved when another living node has the shard, ShardCorrupt when it is damaged,
   * ShardUnavailable when it is not open.
   */
  host(shard: Shard): ShardHost {
    const host = this.home.hosts.get(shard)
    if (host === undefined || !host.isServing) throw this.absence(shard)
    return host
  }

  /** Why the shard is not here, as a caller hears it. */
  absence(shard: Shard): SkeinError {
    return (
      this.movedTo(shard) ??
      this.home.damaged.get(shard) ??
      skeinError("ShardUnavailable", `shard ${shardName(shard)} is not open`, { shard })
    )
  }

  /** Moved, naming the living node that has the shard; `undefined`: none, or it is this one. */
  movedTo(shard: Shard): SkeinError | undefined {
    const { fabric } = this.home
    const given = this.home.moves()?.movedTo(shard)
    if (given !== undefined) return given
    const owner = fabric?.ownerOf(shard)
    if (owner === undefined || owner.node === fabric?.self || owner.address === "") return undefined
    const { address, node } = owner
    return skeinError("Moved", `node ${node} has ${shardName(shard)}`, { address, node, shard })
  }

  /** The table gives the shard to this node, or it is moving here; and it is not open yet. */
  isComing(shard: Shard): boolean {
    const { damaged, fabric, hosts } = this.home
    if (fabric === undefined || hosts.get(shard)?.isServing || damaged.has(shard)) return false
    const moves = this.home.moves()
    if (moves?.awaits(shard)) return true
    if (moves?.movedTo(shard) !== undefined) return false
    return fabric.ownerOf(shard)?.node === fabric.self
  }

  /**
   * Takes a queue that the catalog has removed out of its shard. Can be repeated: the catalog
   * forgets it only when the shard has durably done so.
   */
  async erase(queue: QueueRef, why: string): Promise<void> {
    if (this.isComing(queue.shard)) await this.home.arrivals.wait(queue.shard)
    const host = this.host(queue.shard)
    const error = skeinError("QueueNotFound", why)
    const running = this.creating.get(queue.generation)
    if (running !== undefined) running.mark.erased = true
    await host.remove(queue.generation, error)
    await this.home.catalog().bury(queue.generation)
  }

  private async firstUse(queue: QueueRef, mark: FirstUse["mark"]): Promise<QueueActor> {
    const host = this.host(queue.shard)
    const info = await this.home.catalog().byGeneration(queue.generation)
    if (this.host(queue.shard) !== host) {
      const detail = `shard ${shardName(queue.shard)} was opened again during the look-up`
      throw skeinError("ShardUnavailable", detail, { shard: queue.shard })
    }
    if (info === undefined || mark.erased || info.shard !== queue.shard) {
      throw skeinError("QueueNotFound", "the queue was deleted or never declared")
    }
    const actor = this.home.create(host, queue)
    host.add(actor)
    try {
      await actor.create(info.name, info.policy)
    } catch (error) {
      host.discard(actor)
      throw error
    }
    return actor
  }
}
