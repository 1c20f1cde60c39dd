/** Owns: a queue's settings and counts as lines of text. */
import { shardName } from "@skein/model"
import type { QueueInfo, QueueStatus } from "@skein/wire"
import { showBytes, showDuration } from "../grammar/ValueKind.js"
import { showCount, showSize } from "../output/figures.js"
import type { Terminal } from "../output/Terminal.js"
import { facts } from "../output/table.js"

export const queueFacts = (terminal: Pick<Terminal, "paintOut">, info: QueueInfo): string =>
  facts(terminal, infoRows(info))

export const queueStatusFacts = (
  terminal: Pick<Terminal, "paintOut">,
  status: QueueStatus,
): string => facts(terminal, [...infoRows(status), ...stateRows(status), ...countRows(status)])

type Row = readonly [name: string, value: string]

const infoRows = ({ name, shard, generation, policy }: QueueInfo): readonly Row[] => [
  ["queue", name],
  ["shard", shardName(shard)],
  ["generation", String(generation)],
  ["lease", showDuration(policy.leaseMs)],
  ["dedup window", showDuration(policy.dedupWindowMs)],
  ["messages max", showCount(policy.messagesMax)],
  ["bytes max", showBytes(policy.bytesMax)],
  ["body bytes max", showBytes(policy.bodyBytesMax)],
]

const stateRows = ({ state, detail }: QueueStatus): readonly Row[] => [
  ["state", detail === undefined ? state : `${state}: ${detail}`],
]

const countRows = ({ counts }: QueueStatus): readonly Row[] => [
  ["messages", showCount(counts.total)],
  ["  ready", showCount(counts.ready)],
  ["  leased", showCount(counts.leased)],
  ["size", showSize(counts.bytes)],
  ["published", showCount(counts.published)],
  ["  duplicates", showCount(counts.duplicates)],
  ["acked", showCount(counts.acked)],
  ["rejected", showCount(counts.rejected)],
  ["returned", showCount(counts.returned)],
  ["failed", showCount(counts.failed)],
  ["purged", showCount(counts.purged)],
  ["producers", showCount(counts.producers)],
  ["sessions", showCount(counts.sessions)],
  ["dedup ids", showCount(counts.dedupIds)],
]
