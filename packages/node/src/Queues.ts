/**
 * Owns: the way from a queue's address to its actor on this node: `hosts.get(shard)` in one step,
 * and the creation of an actor on first use, as the catalog says. First uses of one queue share one
 * look-up. Must not know: what is asked of the actor.
 */
import type { ShardHost } from "@skein/cluster"
import {
  type Generation,
  type QueueRef,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import type { CatalogDoor } from "./CatalogDoor.js"
import { QueueActor } from "./QueueActor.js"

export class Queues {
  private readonly creating = new Map<Generation, Promise<QueueActor>>()

  constructor(
    private readonly hosts: ReadonlyMap<Shard, ShardHost>,
    private readonly damaged: ReadonlyMap<Shard, SkeinError>,
    private readonly catalog: () => CatalogDoor,
    private readonly create: (host: ShardHost, queue: QueueRef) => QueueActor,
  ) {}

  /** The actor, if it is there; throws as {@link host} does. */
  find(queue: QueueRef): QueueActor | undefined {
    const actor = this.host(queue.shard).actors.get(queue.generation)
    return actor instanceof QueueActor ? actor : undefined
  }

  /**
   * The actor, made on first use. Rejects with QueueNotFound when the catalog has no such queue.
   */
  async get(queue: QueueRef): Promise<QueueActor> {
    const actor = this.find(queue)
    if (actor !== undefined) return actor
    const running = this.creating.get(queue.generation)
    if (running !== undefined) return running
    const created = this.firstUse(queue).finally(() => this.creating.delete(queue.generation))
    this.creating.set(queue.generation, created)
    return created
  }

  /** Throws ShardCorrupt when the shard is damaged, ShardUnavailable when it is not open here. */
  host(shard: Shard): ShardHost {
    const host = this.hosts.get(shard)
    if (host === undefined || !host.isServing) {
      const damaged = this.damaged.get(shard)
      if (damaged !== undefined) throw damaged
      throw skeinError("ShardUnavailable", `shard ${shardName(shard)} is not open`, { shard })
    }
    return host
  }

  /**
   * Takes a queue that the catalog has removed out of its shard. Can be repeated: the catalog
   * forgets it only when the shard has durably done so.
   */
  async erase(queue: QueueRef, why: string): Promise<void> {
    const host = this.host(queue.shard)
    const error = skeinError("QueueNotFound", why)
    await host.remove(queue.generation, error)
    await this.catalog().bury(queue.generation)
  }

  private async firstUse(queue: QueueRef): Promise<QueueActor> {
    const info = await this.catalog().byGeneration(queue.generation)
    const host = this.host(queue.shard)
    // Looked at again in the step that creates it: a delete may have come since the look-up, and
    // would not find the queue in its shard.
    const gone = !this.catalog().holds(queue.generation)
    if (info === undefined || gone || info.shard !== queue.shard) {
      throw skeinError("QueueNotFound", "the queue was deleted or never declared")
    }
    const actor = this.create(host, queue)
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
