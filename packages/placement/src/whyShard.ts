/**
 * Owns: the answer to "why is this shard there", for a person.
 */
import { type Shard, shardName } from "@skein/model"
import { type ClusterView, nodeNamed } from "./ClusterView.js"
import { isLiving } from "./candidates.js"
import { showLoad } from "./Load.js"
import { movingOf, type ShardTable } from "./ShardTable.js"

/** Sentences, most important first. `shard` is one of the table's. */
export const whyShard = (view: ClusterView, table: ShardTable, shard: Shard): string[] => {
  const name = shardName(shard)
  const owner = table.owners[shard]
  const note = table.notes?.[shard]
  const lines: string[] = []
  if (owner === undefined) lines.push(`${name} is on no node (table ${table.version}).`)
  else lines.push(`${name} is on ${owner} (table ${table.version}).`)
  if (note !== undefined) lines.push(`Because: ${note.reason}.`)
  if (owner !== undefined) {
    const node = nodeNamed(view, owner)
    const state = node === undefined ? "not in the fabric" : node.state
    const served = isLiving(view, node) ? "" : ": nobody serves the shard, it will be given away"
    lines.push(`${owner} is ${state}${served}.`)
    if (table.draining.includes(owner)) lines.push(`${owner} is drained: the shard will leave it.`)
  }
  const moving = movingOf(table).find((each) => each.shard === shard)
  if (moving !== undefined) lines.push(`It is moving to ${moving.to}.`)
  if (note?.home !== undefined) lines.push(`Its home is ${note.home}: it may go back there.`)
  lines.push(`Its load: ${showLoad(view.loads.get(shard))}.`)
  const bar = view.history.bars.get(shard)
  if (bar !== undefined && bar.untilMs > view.nowMs) {
    const seconds = Math.ceil((bar.untilMs - view.nowMs) / 1000)
    lines.push(`It does not go to ${bar.node} for ${seconds} s: it was taken back from there.`)
  }
  return lines
}
