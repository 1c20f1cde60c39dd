/**
 * Owns: how the engine is shown our shard table: one engine shard group a shard (`s017:1`), one
 * runner entry a (node, shard); and one group a node (`node-n2:1`), which is on that node alone.
 * `acquire` mirrors which shard hosts are open here: owner tokens are the truth, the engine only
 * follows.
 * Must not know: how shards are opened or moved.
 *
 * Traps of the engine that shape this file: entries of one node are told apart by weight only, so
 * each has its own, a stable function of the shard; an entry is never changed, only added or
 * removed; the `default` entry weighs what the runner says it weighs; death is absence, never
 * `healthy: false`. After each `acquire` it sleeps 1 s, also after an empty one, so `acquire` gives
 * hosts that are being opened a moment; not long, as nothing is released meanwhile.
 */
import { type NodeName, parseShardName, type Shard, shardName } from "@skein/model"
import { Duration, Effect, Layer } from "effect"
import { MachineId, Runner, RunnerAddress, RunnerStorage, type ShardId } from "../Platform.js"
import type { NodeAddress, ShardTable } from "./ShardTable.js"

/** What the local node holds. */
export interface LocalShards {
  readonly isOpen: (shard: Shard) => boolean
}

/** How long `getRunners` may wait for a change; the engine gives it 5 s. */
const pollMs = 2_000
/** How long `acquire` waits for hosts to open, and how often it looks. */
const acquireWithinMs = 500
const acquireEveryMs = 10
/** The engine's least weight; entries differ in the sixth digit. */
const weightBase = 0.1
/** Of the entry for the node itself: above those of all shards. */
const nodeWeight = 0.2

/** The group whose one shard is on the node of that name, and on no other. */
export const nodeGroup = (node: NodeName): string => `node-${node}`

export const layerTableRunnerStorage = (
  table: ShardTable,
  local: LocalShards,
): Layer.Layer<RunnerStorage.RunnerStorage> =>
  Layer.sync(RunnerStorage.RunnerStorage, () => makeTableRunnerStorage(table, local))

export const makeTableRunnerStorage = (
  table: ShardTable,
  local: LocalShards,
): RunnerStorage.RunnerStorage["Type"] => {
  const entries = new Map<string, Runner.Runner>()
  let seen = 0
  // Numbers of requests hold it: two nodes should not have the same.
  const machine = MachineId.make(machineOf(table.self))
  const granted = (ids: Iterable<ShardId.ShardId>): ShardId.ShardId[] =>
    [...ids].filter((id) => {
      const shard = parseShardName(id.group)
      // Groups that are no shard of ours (`default`) have no state to guard.
      return shard === undefined || local.isOpen(shard)
    })
  return RunnerStorage.RunnerStorage.of({
    register: () => Effect.succeed(machine),
    unregister: () => Effect.void,
    getRunners: Effect.suspend(() => {
      const changed =
        table.version() === seen
          ? changeOf(table).pipe(Effect.timeoutOption(Duration.millis(pollMs)))
          : Effect.void
      return Effect.map(changed, () => {
        seen = table.version()
        return readTable(table, entries)
      })
    }),
    setRunnerHealth: () => Effect.void,
    acquire: (_address, ids) => {
      const wanted = [...ids]
      const polls = acquireWithinMs / acquireEveryMs
      const poll = (left: number): Effect.Effect<ShardId.ShardId[]> =>
        Effect.suspend(() => {
          const got = granted(wanted)
          return got.length === wanted.length || left === 0
            ? Effect.succeed(got)
            : Effect.zipRight(Effect.sleep(Duration.millis(acquireEveryMs)), poll(left - 1))
        })
      return poll(polls)
    },
    refresh: (_address, ids) => Effect.sync(() => granted(ids)),
    release: () => Effect.void,
    releaseAll: () => Effect.void,
  })
}

/** The table's next change. */
const changeOf = (table: ShardTable): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const end = table.onChange(() => {
      end()
      resume(Effect.void)
    })
    return Effect.sync(end)
  })

/** 0 to 1,023: the number at the end of a name such as `n7`, else one drawn from its letters. */
export const machineOf = (node: string): number => {
  const numbered = /^n(\d{1,4})$/.exec(node)
  if (numbered !== null && Number(numbered[1]) < machines) return Number(numbered[1])
  let hash = 0
  for (let i = 0; i < node.length; i++) hash = (hash * 31 + node.charCodeAt(i)) % 65_521
  return hash % machines
}

/** The engine gives ten bits to it. */
const machines = 1024

const readTable = (
  table: ShardTable,
  entries: Map<string, Runner.Runner>,
): Array<readonly [Runner.Runner, boolean]> => {
  const rows: Array<readonly [Runner.Runner, boolean]> = []
  for (const node of table.nodes()) {
    rows.push([entry(entries, node, "default", 1), true])
    rows.push([entry(entries, node, nodeGroup(node.name), nodeWeight), true])
  }
  const shards = table.shards()
  for (let shard = 0; shard < shards; shard++) {
    const owner = table.owner(shard)
    if (owner === undefined) continue
    const weight = weightBase + (shard + 1) * 1e-6
    rows.push([entry(entries, owner, shardName(shard), weight), true])
  }
  return rows
}

/** Making a Runner costs 16-25 us: 1,024 of them at each poll would be felt. */
const entry = (
  entries: Map<string, Runner.Runner>,
  node: NodeAddress,
  group: string,
  weight: number,
): Runner.Runner => {
  const key = `${node.host}:${node.port}/${group}`
  let runner = entries.get(key)
  if (runner === undefined) {
    const address = RunnerAddress.make(node.host, node.port)
    runner = Runner.make({ address, groups: [group], weight })
    entries.set(key, runner)
  }
  return runner
}
