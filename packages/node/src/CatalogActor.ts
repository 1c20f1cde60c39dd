/**
 * Owns: the shell around the catalog's state machine, in shard s000: its mailbox, and its answers
 * after the commit. Reads wait like writes: an answer rests on what is durable.
 * Must not know: where queues' shards are open.
 */
import type { ActorDelta, ShardActor, Turn, WholeActor } from "@skein/cluster"
import {
  type Generation,
  limits,
  type QueuePolicy,
  type QueueRef,
  type Shard,
  type SkeinError,
  skeinError,
} from "@skein/model"
import {
  type CatalogCommand,
  type CatalogDecision,
  type CatalogEvent,
  type CatalogRefused,
  type CatalogReply,
  type CatalogState,
  catalogCheckpointDelta,
  catalogGeneration,
  decideCatalog,
  decodeEvents,
  doomedQueues,
  emptyCatalog,
  encodeEvents,
  evolveCatalog,
  isCatalogEvent,
  type Lookup,
  type LookupGeneration,
  restoreCatalog,
  type StateChunk,
  wholeCatalog,
} from "@skein/queue"
import type { ListRequest, QueueInfo, QueuePage } from "@skein/wire"
import type { CatalogDoor } from "./CatalogDoor.js"
import { Mailbox } from "./Mailbox.js"

interface Request {
  readonly command: CatalogCommand
  readonly answer: (reply: CatalogReply) => void
  readonly fail: (error: SkeinError) => void
}

/** What the catalog needs of its host and its node. */
export interface CatalogHome {
  /** How many shards there are to place queues in. */
  readonly shards: number
  readonly wake: () => void
  readonly onFault: (error: SkeinError) => void
}

/** What a declare writes at most: name, policy and their frame. */
const eventBytes = 512

export class CatalogActor implements CatalogDoor, ShardActor {
  readonly generation: Generation = catalogGeneration
  private readonly state: CatalogState
  private readonly queuesPerShard = new Map<Shard, number>()
  private readonly mailbox = new Mailbox<Request>()
  private events: CatalogEvent[] = []
  private closedBy: SkeinError | undefined

  constructor(
    chunks: readonly StateChunk[] | undefined,
    private readonly home: CatalogHome,
  ) {
    this.state = chunks === undefined ? emptyCatalog() : restoreCatalog(chunks)
    for (const queue of this.state.byGeneration.values()) this.tally(queue.shard, 1)
  }

  async declare(name: string, policy: QueuePolicy): Promise<QueueInfo> {
    const reply = await this.ask({ _tag: "Declare", name, policy, shard: anyShard })
    if (reply._tag !== "Declared") throw unexpected(reply)
    return { name, policy, shard: reply.queue.shard, generation: reply.queue.generation }
  }

  async delete(name: string): Promise<QueueRef | undefined> {
    const reply = await this.ask({ _tag: "Remove", name })
    if (reply._tag !== "Removed") throw unexpected(reply)
    return reply.queue
  }

  async bury(generation: Generation): Promise<void> {
    await this.ask({ _tag: "Bury", generation })
  }

  async doomed(shard: Shard): Promise<readonly QueueRef[]> {
    const queues = doomedQueues(this.state, shard)
    if (queues.length === 0) return queues
    // A removal among them may not be durable yet: behind a look-up it is.
    await this.byGeneration(catalogGeneration)
    return queues
  }

  byName(name: string): Promise<QueueInfo | undefined> {
    return this.find({ _tag: "Lookup", name })
  }

  byGeneration(generation: Generation): Promise<QueueInfo | undefined> {
    return this.find({ _tag: "LookupGeneration", generation })
  }

  async list(request: ListRequest): Promise<QueuePage> {
    const { prefix = "", after, rowsMax = limits.listPageRowsMax } = request
    const from = after === undefined ? {} : { after }
    const reply = await this.ask({ _tag: "List", prefix, rowsMax, ...from })
    if (reply._tag !== "Listed") throw unexpected(reply)
    const { queues, next } = reply
    return { queues, ...(next !== undefined && { next }) }
  }

  count(): number {
    return this.state.byGeneration.size
  }

  /** Where a new queue should live: the shard with the fewest, the lowest of equals. */
  private leastUsedShard(): Shard {
    let best = 0
    for (let shard = 1; shard < this.home.shards; shard++) {
      if (this.queuesIn(shard) < this.queuesIn(best)) best = shard
    }
    return best
  }

  open(): void {}

  shed(why: SkeinError): void {
    for (const request of this.mailbox.drain()) request.fail(why)
  }

  work(turn: Turn): boolean {
    while (!turn.spent()) {
      const request = this.mailbox.take()
      if (request === undefined) break
      this.serve(request, turn)
    }
    return this.mailbox.length > 0
  }

  seal(): Uint8Array | undefined {
    if (this.events.length === 0) return undefined
    const events = this.events
    this.events = []
    return encodeEvents(events.map((event) => ({ generation: catalogGeneration, event })))
  }

  replay(events: Uint8Array): void {
    for (const { event } of decodeEvents(events)) if (isCatalogEvent(event)) this.evolve(event)
  }

  checkpoint(): ActorDelta {
    return catalogCheckpointDelta(this.state)
  }

  whole(): WholeActor {
    return { chunks: wholeCatalog(this.state), below: 1, frames: 0, frameBytes: 0 }
  }

  close(why: SkeinError): void {
    this.closedBy = why
    for (const request of this.mailbox.drain()) request.fail(why)
  }

  // It leases nothing: there is nothing to hand over but what is durable.
  readonly receive = (): void => {}
  readonly handOver = (): void => {}
  readonly isHandedOver = (): boolean => true
  readonly resume = (): void => {}
  // The catalog has no messages, no frames, no timers, is never set aside and never deleted.
  readonly depthChange = (): number => 0
  readonly dueMs = (): number => Number.POSITIVE_INFINITY
  readonly tick = (): void => {}
  readonly relocate = (): boolean => false
  readonly locate = (): undefined => undefined
  readonly framesFrom = (): readonly [] => []
  readonly isAside = (): boolean => false
  readonly keep = (): void => {}
  readonly erase = (): void => {}

  private async find(command: Lookup | LookupGeneration): Promise<QueueInfo | undefined> {
    const reply = await this.ask(command)
    if (reply._tag !== "Found") throw unexpected(reply)
    return reply.queue
  }

  private ask(command: CatalogCommand): Promise<Exclude<CatalogReply, CatalogRefused>> {
    return new Promise((resolve, fail) => {
      if (this.closedBy !== undefined) return fail(this.closedBy)
      const answer = (reply: CatalogReply): void =>
        reply._tag === "Refused" ? fail(reply.error) : resolve(reply)
      if (!this.mailbox.put({ command, answer, fail }, eventBytes)) {
        return fail(skeinError("Overloaded", "the catalog's mailbox is full"))
      }
      this.home.wake()
    })
  }

  /** An evolve that throws ends the shard: there is no serving with half a catalog. */
  private serve(request: Request, turn: Turn): void {
    try {
      this.execute(request, turn)
    } catch (cause) {
      request.fail(skeinError("InternalError", "the catalog met a fault", {}, { cause }))
      throw cause
    }
  }

  private execute(request: Request, turn: Turn): void {
    const decision = this.decide(request)
    if (decision === undefined) return
    const { events, reply } = decision
    const purpose = request.command._tag === "Declare" ? "publish" : "settle"
    const bytes = eventBytes * events.length
    if (bytes > 0 && !turn.reserve(bytes, purpose)) {
      return request.fail(turn.noRoom(bytes, purpose))
    }
    for (const event of events) {
      this.evolve(event)
      this.events.push(event)
    }
    turn.wait({ release: () => request.answer(reply), fail: request.fail })
  }

  private decide({ command, fail }: Request): CatalogDecision | undefined {
    try {
      // Chosen now, not when it was asked: many are declared at once.
      if (command._tag !== "Declare") return decideCatalog(this.state, command)
      return decideCatalog(this.state, { ...command, shard: this.leastUsedShard() })
    } catch (cause) {
      const error = skeinError("InternalError", `${command._tag} failed`, {}, { cause })
      this.home.onFault(error)
      fail(error)
      return undefined
    }
  }

  private evolve(event: CatalogEvent): void {
    if (event._tag === "QueueRemoved") {
      const queue = this.state.byGeneration.get(event.generation)
      if (queue !== undefined) this.tally(queue.shard, -1)
    }
    evolveCatalog(this.state, event)
    if (event._tag === "QueueDeclared") this.tally(event.shard, 1)
  }

  private queuesIn(shard: Shard): number {
    return this.queuesPerShard.get(shard) ?? 0
  }

  private tally(shard: Shard, change: number): void {
    this.queuesPerShard.set(shard, this.queuesIn(shard) + change)
  }
}

const anyShard: Shard = 0

const unexpected = (reply: CatalogReply): SkeinError =>
  skeinError("InternalError", `the catalog answered ${reply._tag}`)
