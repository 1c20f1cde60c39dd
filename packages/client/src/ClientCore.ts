/**
 * Owns: what the parts of one client share: router, producer id, sessions, control calls.
 * Must not know: payload types, handlers.
 */
import { asSkeinError, type ErrorTag, type Generation, type SkeinError } from "@skein/model"
import type { QueueInfo } from "@skein/wire"
import { clientLimits } from "./clientLimits.js"
import type { Consumer } from "./consume/Consumer.js"
import { SessionKeeper } from "./consume/SessionKeeper.js"
import type { CallLife } from "./Deadline.js"
import type { FabricConnection, OpenFabric } from "./link/FabricConnection.js"
import { FabricRouter } from "./link/FabricRouter.js"
import { Publisher } from "./publish/Publisher.js"
import { backoffMs, type Runtime, randomHex128 } from "./Runtime.js"
import type { Worker } from "./worker/Worker.js"

/** The question was not taken up, and later it can be. */
const notTaken = new Set<ErrorTag>([
  "ManagerUnavailable",
  "Moved",
  "Overloaded",
  "ShardUnavailable",
])

const mayAskAgain = (error: SkeinError, twice: boolean): boolean =>
  twice
    ? notTaken.has(error._tag) || error._tag === "ConnectionFailed"
    : notTaken.has(error._tag) && error.data.outcome !== "unknown"

const controlBounds = {
  minMs: clientLimits.controlRetryDelayMinMs,
  maxMs: clientLimits.controlRetryDelayMaxMs,
}

export class ClientCore {
  readonly runtime: Runtime
  readonly router: FabricRouter
  readonly #producer: string
  readonly #publishers = new Map<Generation, Publisher>()
  readonly timeoutMs = clientLimits.callTimeoutDefaultMs
  readonly consumers = new Set<Pick<Consumer<never>, "close" | "isWorkers">>()
  readonly workers = new Set<Pick<Worker<never>, "stop">>()
  readonly #keepers: SessionKeeper[] = []

  constructor(openFabric: OpenFabric, runtime: Runtime) {
    this.runtime = runtime
    this.router = new FabricRouter(runtime, openFabric)
    this.#producer = randomHex128(runtime.random)
  }

  /** The client's session, or another one when a consumer of this queue uses that already. */
  keeperFor(info: QueueInfo): SessionKeeper {
    const link = this.router.shard(info.shard)
    for (const keeper of this.#keepers) if (keeper.enter(info.generation, link)) return keeper
    const keeper = new SessionKeeper(this.runtime)
    keeper.enter(info.generation, link)
    this.#keepers.push(keeper)
    return keeper
  }

  /** One per queue, however many handles: frame numbers count per producer and queue. */
  publisherFor(info: QueueInfo): Publisher {
    const there = this.#publishers.get(info.generation)
    if (there !== undefined) return there
    const publisher = new Publisher(
      this.runtime,
      this.router.shard(info.shard),
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
   * is not ready, as long as the caller waits. `twice`: asking again is harmless even if the first
   * question may have been answered.
   */
  async control<A>(
    life: CallLife,
    ask: (fabric: FabricConnection) => Promise<A>,
    twice = true,
  ): Promise<A> {
    for (let attempt = 0; ; attempt++) {
      const fabric = await this.router.control.whenUp(life)
      try {
        return await ask(fabric)
      } catch (error) {
        const failure = asSkeinError(error)
        if (!mayAskAgain(failure, twice) || life.isOver) throw failure
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
    const error = this.router.control.lastError
    return error === undefined ? "" : `; ${error.detail}`
  }
}
