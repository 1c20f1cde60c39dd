/**
 * Owns: a node core in memory under a manual clock, with a journal that can fail, for tests: open,
 * crash, ask. Everything runs on microtasks, so `settled` needs no time.
 */
import {
  type Journal,
  MemoryStore,
  MemoryTokens,
  memoryJournal,
  memoryOwnership,
} from "@skein/journal"
import type { SkeinError } from "@skein/model"
import {
  type DeliveredRun,
  type FetchCall,
  type FetchRequest,
  FrameWriter,
  type PublishAnswer,
  type QueueInfo,
  readMessages,
  trustedFrame,
} from "@skein/wire"
import { NodeCore } from "../NodeCore.js"
import { FaultyJournal } from "./FaultyJournal.js"
import { StallingClock } from "./StallingClock.js"

export const session = "5".repeat(32)
export const producer = "a".repeat(32)

export class Rig {
  readonly clock = new StallingClock()
  readonly store = new MemoryStore()
  readonly tokens = new MemoryTokens()
  readonly faults: string[] = []
  journal: FaultyJournal
  core: NodeCore
  private instances = 0
  private readonly frameNumbers = new Map<string, number>()
  private readonly fetchNumbers = new Map<string, number>()

  private constructor(
    readonly shards: number,
    private readonly inner: (() => Journal) | undefined,
  ) {
    this.journal = this.newJournal()
    this.core = this.newCore()
  }

  /** `inner`: what is opened at each start, if not the memory journal. */
  static async open(shards = 4, inner?: () => Journal): Promise<Rig> {
    const rig = new Rig(shards, inner)
    await rig.openShards()
    return rig
  }

  /** Drops the core as a kill does, and opens another over what is stored. */
  async crash(): Promise<void> {
    this.core.stop()
    this.journal = this.newJournal()
    this.core = this.newCore()
    await this.openShards()
    await this.core.broker.openSession(session, 30_000)
  }

  async openShards(): Promise<void> {
    for (let shard = 0; shard < this.shards; shard++) await this.core.openShard(shard)
  }

  /** Until nothing moves any more. */
  async settled(): Promise<void> {
    for (let round = 0; round < 300; round++) await Promise.resolve()
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.settled()
  }

  async declare(name: string, policy = {}): Promise<QueueInfo> {
    await this.core.broker.openSession(session, 30_000)
    return this.core.admin.declare(name, policy)
  }

  publish(queue: QueueInfo, ...bodies: readonly string[]): Promise<PublishAnswer> {
    const frameNumber = (this.frameNumbers.get(queue.name) ?? 0) + 1
    this.frameNumbers.set(queue.name, frameNumber)
    return this.publishAs(queue, producer, frameNumber, bodies)
  }

  publishAs(
    queue: QueueInfo,
    producer: string,
    frameNumber: number,
    bodies: readonly string[],
  ): Promise<PublishAnswer> {
    return this.core.broker.publish({ queue, producer, frameNumber, frame: frameOf(bodies) })
  }

  fetch(queue: QueueInfo, request: Partial<FetchRequest> = {}): FetchCall {
    const key = `${queue.generation}/${request.session ?? session}`
    const fetchNumber = request.fetchNumber ?? (this.fetchNumbers.get(key) ?? 0) + 1
    this.fetchNumbers.set(key, fetchNumber)
    return this.core.broker.fetch({
      queue,
      session,
      fetchNumber,
      messagesMax: 100,
      bytesMax: 1_000_000,
      waitMs: 0,
      settles: [],
      ...request,
    })
  }

  /** Bodies of what is there now. */
  async take(queue: QueueInfo, request: Partial<FetchRequest> = {}): Promise<string[]> {
    return bodiesOf(await this.fetch(queue, request).delivered)
  }

  async counts(queue: QueueInfo) {
    return (await this.core.admin.show(queue.name)).counts
  }

  private newJournal(): FaultyJournal {
    if (this.inner !== undefined) return new FaultyJournal(this.inner())
    this.instances += 1
    const instance = String(this.instances).padStart(32, "0")
    const ownership = memoryOwnership(this.tokens, instance)
    return new FaultyJournal(memoryJournal({ store: this.store, ownership }))
  }

  private newCore(): NodeCore {
    return new NodeCore({
      journal: this.journal,
      clock: this.clock,
      shards: this.shards,
      outside: () => ({ ...outsideForTests(), tree: [] }),
      onFault: (where: string, error: SkeinError) => this.faults.push(`${where} ${error._tag}`),
    })
  }
}

export const frameOf = (bodies: readonly string[]): Uint8Array => {
  const writer = new FrameWriter()
  for (const body of bodies) writer.append({ body: packText(body) })
  return writer.finish()
}

export const bodiesOf = (runs: readonly DeliveredRun[]): string[] =>
  runs.flatMap((run) =>
    [...readMessages(trustedFrame(run.frame))].map(({ body }) =>
      new TextDecoder().decode(body.subarray(2)),
    ),
  )

/** A msgpack str 8. */
const packText = (text: string): Uint8Array => {
  const bytes = new TextEncoder().encode(text)
  return Uint8Array.of(0xd9, bytes.length, ...bytes)
}

/** What a process would tell of itself. */
export const outsideForTests = () => ({
  version: "0",
  fabricId: "f".repeat(32),
  node: "n1",
  instance: "1".repeat(32),
  address: "",
  pid: 1,
  connections: 0,
  rssBytes: 0,
  limits: {},
})
