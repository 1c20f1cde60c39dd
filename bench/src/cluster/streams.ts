/** Streams as the cluster scenarios use them: probes of one shard, and loads over many queues. */
import type { ClusterRun } from "./ClusterRun.js"
import type { FabricStatus } from "./Fabric.js"
import type { StreamSpec } from "./StreamSpec.js"

/** Where the names of queues are; opened first, and moved by nobody here. */
export const catalogShard = 0
const fillSize = 100

export const shardName = (shard: number): string => `s${String(shard).padStart(3, "0")}`
export const probeName = (shard: number): string => `probe ${shardName(shard)}`
export const loadName = "load"

/**
 * `count` shards, in turns from each node, none of `without`: so that all nodes have some of them.
 * Fewer when there are no more.
 */
export const shardsInTurns = (
  { nodes }: Pick<FabricStatus, "nodes">,
  count: number,
  without: readonly number[],
): readonly number[] => {
  const rows = nodes.map(({ shards }) => shards.filter((shard) => !without.includes(shard)))
  const longest = Math.max(0, ...rows.map(({ length }) => length))
  const turns = Array.from({ length: longest }, (_, turn) => rows.flatMap((row) => row[turn] ?? []))
  return turns.flat().slice(0, count)
}

/** A probe in each of the shards, each in a queue of its own. */
export const openProbes = async (
  run: ClusterRun,
  shards: readonly number[],
  ratePerSecond = run.settings.probeRate,
): Promise<void> => {
  const { size } = run.settings
  const specs: StreamSpec[] = []
  for (const shard of shards) {
    const queue = await run.fabric.declareIn("probe", [shard])
    const one = { queues: [queue], shares: [1], batch: 1, seed: 1 }
    specs.push({ ...one, name: probeName(shard), ratePerSecond, size })
  }
  await run.open("probes", specs)
}

/** A load over `queues` queues, the first ones in `shards`, all with the same share. */
export const openLoad = async (run: ClusterRun, shards: readonly number[]): Promise<void> => {
  const { rate, size, batch, queues: count, seed } = run.settings
  const queues: string[] = []
  for (let at = 0; at < count; at++) {
    const shard = shards[at]
    const name =
      shard === undefined
        ? (await run.fabric.declare("load")).name
        : await run.fabric.declareIn("load", [shard])
    queues.push(name)
  }
  const shares = queues.map(() => 1 / count)
  await run.open("load", [
    { name: loadName, queues, shares, ratePerSecond: rate, batch, size, seed },
  ])
}

/** Messages that wait in the shard, in a queue that nobody consumes. */
export const fillShard = async (run: ClusterRun, shard: number): Promise<void> => {
  const { messages } = run.settings
  if (messages === 0) return
  const queue = await run.fabric.declareIn("waiting", [shard])
  await run.agents.load.call("fill", queue, messages, fillSize)
}
