/**
 * What the harness asks of a fabric as its operator: moves, drains, and how it is. Beside
 * SkeinClient.ts it knows the library.
 */
import { connect, isSkeinError, type SkeinClient } from "@skein/client"

/** How a move ended: `unknown`: no answer came, the shard is where its token is. */
export type MoveEnd = "moved" | "refused" | "unknown"

/** Other ends of a move are no answer that an operator may be given. */
const refusals = new Set(["ManagerUnavailable", "MoveRefused", "NodeUnknown"])
const unknowns = new Set(["ConnectionFailed", "ShardUnavailable", "TimedOut"])

const callMs = 10_000
const pauseMs = 50
const followEveryMs = 500

export class SkeinOperator {
  #closed = false
  #log: string | undefined
  #last = 0

  private constructor(
    private readonly skein: SkeinClient,
    private readonly onDecision: (line: string) => void,
  ) {}

  /** `onDecision`: what the manager did, as lines of JSON, as far as it is heard of. */
  static async connect(
    address: string,
    onDecision: (line: string) => void,
  ): Promise<SkeinOperator> {
    const skein = await connect({ address, clientName: "operator" })
    const operator = new SkeinOperator(skein, onDecision)
    void operator.#follow()
    return operator
  }

  /** Rejects with what is none of the ends that a move may have. */
  async move(shard: number, node: string): Promise<MoveEnd> {
    try {
      await this.skein.moveShard(shard, node, { timeoutMs: callMs })
      return "moved"
    } catch (error) {
      if (isSkeinError(error) && refusals.has(error._tag)) return "refused"
      if (isSkeinError(error) && unknowns.has(error._tag)) return "unknown"
      throw error
    }
  }

  async drain(node: string): Promise<void> {
    await this.skein.drainNode(node, { timeoutMs: callMs })
  }

  async revive(node: string): Promise<void> {
    await this.skein.reviveNode(node, { timeoutMs: callMs })
  }

  /** Resolves when the table gives the node so many shards; rejects after `withinMs`. */
  async untilShards(
    node: string,
    isEnough: (shards: number) => boolean,
    withinMs: number,
  ): Promise<void> {
    const wrong = await untilNone(withinMs, async () => {
      const { nodes } = await this.skein.cluster({ timeoutMs: callMs })
      const shards = nodes.find((each) => each.node === node)?.shards.length ?? 0
      return isEnough(shards) ? [] : [`${node} has ${shards} shards`]
    })
    if (wrong.length > 0) throw new Error(`${wrong.join()} after ${withinMs} ms`)
  }

  /**
   * What is wrong with a fabric that nothing is done to any more: shards that are open nowhere or
   * on two nodes, queues that were set aside. What lasts is told, not what is on its way.
   */
  problems(queues: readonly string[], withinMs: number): Promise<readonly string[]> {
    return untilNone(withinMs, async () => {
      const options = { timeoutMs: callMs }
      const [{ shards, problems }, { loads, silent }] = await Promise.all([
        this.skein.cluster(options),
        this.skein.shardLoads(options),
      ])
      const wrong = [...problems, ...silent.map((node) => `${node} gives no answer`)]
      for (let shard = 0; shard < shards; shard++) {
        const owners = loads.filter((load) => load.shard === shard).map(({ node }) => node)
        if (owners.length !== 1) wrong.push(`shard ${shard} is open on [${owners.join()}]`)
      }
      for (const queue of queues) {
        const { state, detail } = await this.skein.show(queue, options)
        if (state !== "serving") wrong.push(`${queue} is ${state}: ${detail}`)
      }
      return wrong
    })
  }

  close(): Promise<void> {
    this.#closed = true
    return this.skein.close({ timeoutMs: 1_000 })
  }

  async #follow(): Promise<void> {
    while (!this.#closed) {
      const from = this.#log === undefined ? {} : { log: this.#log, after: this.#last }
      const page = await this.skein.decisions(from, { timeoutMs: callMs }).catch(() => undefined)
      if (page !== undefined) {
        this.#log = page.log
        this.#last = page.last
        for (const decision of page.decisions) this.onDecision(JSON.stringify(decision))
      }
      await new Promise((resume) => setTimeout(resume, followEveryMs))
    }
  }
}

/** What is wrong at the end of the time; nothing as soon as nothing is. */
const untilNone = async (
  withinMs: number,
  look: () => Promise<readonly string[]>,
): Promise<readonly string[]> => {
  const untilMs = Date.now() + withinMs
  for (;;) {
    const wrong = await look().catch((error: unknown) => [String(error)])
    if (wrong.length === 0 || Date.now() > untilMs) return wrong
    await new Promise((resume) => setTimeout(resume, pauseMs))
  }
}
