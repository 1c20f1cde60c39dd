/**
 * Owns: what the parts of one client share: link, producer id, sessions, control calls.
 * Must not know: payload types, handlers.
 */
import type { ErrorTag, Generation } from "@skein/model"
import type { QueueInfo } from "@skein/wire"
import { clientLimits } from "./clientLimits.js"
import type { Consumer } from "./consume/Consumer.js"
import { SessionKeeper } from "./consume/SessionKeeper.js"
import type { CallLife } from "./Deadline.js"
import type { FabricConnection, OpenFabric } from "./link/FabricConnection.js"
import { asSkeinError, FabricLink } from "./link/FabricLink.js"
import { Publisher } from "./publish/Publisher.js"
import { backoffMs, type Runtime, randomHex128 } from "./Runtime.js"
import type { Worker } from "./work/Worker.js"

/** The same question later can have an answer, and asking twice does no harm. */
const askAgain = new Set<ErrorTag>(["ConnectionFailed", "Moved", "Overloaded", "ShardUnavailable"])

const controlBounds = {
  minMs: clientLimits.controlRetryDelayMinMs,
  maxMs: clientLimits.controlRetryDelayMaxMs,
}

export class ClientCore {
  readonly runtime: Runtime
  readonly link: FabricLink
  readonly #producer: string
  readonly #publishers = new Map<Generation, Publisher>()
  readonly timeoutMs = clientLimits.callTimeoutDefaultMs
  readonly consumers = new Set<Pick<Consumer<never>, "close" | "isWorkers">>()
  readonly workers = new Set<Pick<Worker<never>, "stop">>()
  readonly #keepers: SessionKeeper[] = []

  constructor(openFabric: OpenFabric, runtime: Runtime) {
    this.runtime = runtime
    this.link = new FabricLink(runtime, openFabric)
    this.#producer = randomHex128(runtime.random)
  }

  /** The client's session, or another one when a consumer of this queue uses that already. */
  keeperFor(queue: Generation): SessionKeeper {
    for (const keeper of this.#keepers) if (keeper.enter(queue)) return keeper
    const keeper = new SessionKeeper(this.runtime, this.link)
    keeper.enter(queue)
    this.#keepers.push(keeper)
    return keeper
  }

  /** One per queue, however many handles: frame numbers count per producer and queue. */
  publisherFor(info: QueueInfo): Publisher {
    const there = this.#publishers.get(info.generation)
    if (there !== undefined) return there
    const publisher = new Publisher(
      this.runtime,
      this.link,
      { shard: info.shard, generation: info.generation },
      this.#producer,
      () => this.#publishers.delete(info.generation),
    )
    this.#publishers.set(info.generation, publisher)
    return publisher
  }

  get publishers(): Iterable<Publisher> {
    return this.#publishers.values()
  }

  async closeSessions(): Promise<void> {
    await Promise.allSettled(this.#keepers.map((keeper) => keeper.close()))
  }

  /**
   * Asks over the present connection, or the next; asks again when it breaks meanwhile or the node
   * is not ready, as long as the caller waits.
   */
  async control<A>(life: CallLife, ask: (fabric: FabricConnection) => Promise<A>): Promise<A> {
    for (let attempt = 0; ; attempt++) {
      const fabric = await this.link.whenUp(life)
      try {
        return await ask(fabric)
      } catch (error) {
        const failure = asSkeinError(error)
        if (!askAgain.has(failure._tag) || life.isOver) throw failure
        await this.#pause(life, backoffMs(this.runtime.random, attempt, controlBounds))
      }
    }
  }

  #pause(life: CallLife, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.runtime.clock.setTimer(delayMs, resolve)
      life.onEnd(() => {
        cancel()
        resolve()
      })
    })
  }

  /** For messages of timeouts: why there is no connection. */
  whyDown(): string {
    const error = this.link.lastError
    return error === undefined ? "" : `; ${error.detail}`
  }
}
