/**
 * Owns: what a scan has found in a log, by shard and in the order of the log. Shards that are open
 * are forgotten; the end of the log can be taken back, to be looked at afresh.
 */
import type { Shard } from "@skein/model"
import { decodeHeads } from "./BatchCodec.js"
import type {
  ScanEntry,
  ScannedHeads,
  ScannedRecord,
  ScannedSeal,
  ShardEntry,
} from "./ScanEntry.js"

interface Ordered {
  readonly order: number
}

export class ScannedEntries {
  readonly #shards = new Map<Shard, (ScannedRecord | ScannedSeal)[]>()
  readonly #heads: ScannedHeads[] = []
  readonly #forgotten = new Set<Shard>()

  /** What the log says of a shard, in log order. */
  of(shard: Shard): readonly ShardEntry[] {
    const all: ShardEntry[] = [...(this.#shards.get(shard) ?? [])]
    for (const { order, bytes } of this.#heads) {
      for (const head of decodeHeads(bytes)) {
        if (head.shard !== shard) continue
        const { epoch, recordNumber, crc } = head
        all.push({ kind: "evidence", order, epoch, recordNumber, crc })
      }
    }
    return all.sort((a, b) => a.order - b.order)
  }

  /** Every shard that the log has records or seals of. */
  get shards(): readonly Shard[] {
    return [...this.#shards.keys()]
  }

  add(shard: Shard, entry: ScanEntry): void {
    if (entry.kind === "heads") {
      this.#heads.push(entry)
      return
    }
    if (this.#forgotten.has(shard)) return
    const entries = this.#shards.get(shard)
    if (entries === undefined) this.#shards.set(shard, [entry])
    else entries.push(entry)
  }

  /** Takes back what has this order or a later one. */
  dropFrom(order: number): void {
    for (const entries of this.#shards.values()) cut(entries, order)
    cut(this.#heads, order)
  }

  forget(shard: Shard): void {
    this.#shards.delete(shard)
    this.#forgotten.add(shard)
  }

  hasForgotten(shard: Shard): boolean {
    return this.#forgotten.has(shard)
  }
}

/** They are in order: only the end is looked at. */
export const cut = (entries: Ordered[], order: number): void => {
  while (entries.length > 0 && entries[entries.length - 1].order >= order) entries.pop()
}
