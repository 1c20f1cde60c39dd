/**
 * Owns: the loads of all shards as the manager's node knows them: what each node answered last.
 * Asking is what makes the next answers come: a node that is not the manager asks nobody.
 * Must not know: how nodes are reached, what the loads are for.
 *
 * Tricky: a node that does not answer keeps its last loads for a while, and is asked again only
 * when its call has ended. A shard that two nodes tell of is taken from the later answer.
 */
import { type Clock, limits, type NodeName, type Shard } from "@skein/model"
import type { ShardLoad } from "@skein/placement"
import type { NodeCalls } from "../engine/NodeDoors.js"

interface Answer {
  readonly atMs: number
  readonly loads: readonly ShardLoad[]
}

/** Of an answer: longer than a node takes to be found silent. */
const keptForMs = 3 * limits.loadSampleEveryMs

export class FabricLoads {
  private readonly answers = new Map<NodeName, Answer>()
  private readonly asked = new Set<NodeName>()

  constructor(
    private readonly clock: Pick<Clock, "monotonicMs">,
    private readonly nodes: Pick<NodeCalls, "at" | "living">,
  ) {}

  /** What is known; every living node is asked for the next time. Ask once a sampling period. */
  readonly loads = (): ReadonlyMap<Shard, ShardLoad> => {
    const nowMs = this.clock.monotonicMs()
    for (const node of this.nodes.living()) void this.ask(node)
    const byAge = [...this.answers].sort(([, a], [, b]) => a.atMs - b.atMs)
    const known = new Map<Shard, ShardLoad>()
    for (const [node, { atMs, loads }] of byAge) {
      if (nowMs - atMs > keptForMs) this.answers.delete(node)
      else for (const load of loads) known.set(load.shard, load)
    }
    return known
  }

  private async ask(node: NodeName): Promise<void> {
    if (this.asked.has(node)) return
    this.asked.add(node)
    try {
      const loads = await this.nodes.at(node).loads()
      this.answers.set(node, { atMs: this.clock.monotonicMs(), loads })
    } catch {
      // Its last answer stands until it is too old: silence is the manager's to judge.
    } finally {
      this.asked.delete(node)
    }
  }
}
