/**
 * Owns: what a shard's history is, given what the logs of its owners say. Pure.
 * The owners come in order; each one's seal cuts what its predecessors wrote down to what it had
 * adopted, and its own records follow. Every record must continue the one before by number and crc.
 * What is missing, or may be missing where the log is damaged, is ShardCorrupt with the place.
 */
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import type { Seal } from "./BatchCodec.js"
import type { Damage, ScannedRecord, ShardEntry } from "./ScanEntry.js"

/** One owner of the shard and what its log says of the shard. */
export interface OwnerLog {
  readonly epoch: Epoch
  readonly instance: InstanceId
  readonly entries: readonly ShardEntry[]
  readonly damages: readonly Damage[]
  /** Entries of this order and later were not known to be durable. */
  readonly durableBefore: number
  /** It has served: a checkpoint of its epoch exists, though it cannot be used. */
  readonly served?: boolean
}

export interface HistoryRecord {
  readonly record: ScannedRecord
  readonly instance: InstanceId
  /** Not known to be on stable storage: to be copied before anything rests on it. */
  readonly volatile: boolean
}

/** The state that the history continues: a checkpoint, or nothing at 0. */
export interface HistoryBase {
  readonly recordNumber: number
  readonly crc: number
  /** Of the checkpoint; 0: none. */
  readonly epoch: Epoch
}

export interface History {
  readonly records: readonly HistoryRecord[]
  readonly recordNumber: number
  readonly crc: number
}

/** The seal by which the owner of `epoch` began, if its log has it. */
export const sealOf = (entries: readonly ShardEntry[], epoch: Epoch): Seal | undefined => {
  for (const entry of entries) {
    if (entry.kind === "seal" && entry.seal.epoch === epoch) return entry.seal
  }
  return undefined
}

/** `owners` oldest first; all that served since the base. */
export const assembleHistory = (
  shard: Shard,
  base: HistoryBase,
  owners: readonly OwnerLog[],
): History => {
  const builder = new HistoryBuilder(shard, base)
  for (const owner of owners) builder.take(owner)
  return builder.finish()
}

class HistoryBuilder {
  #records: HistoryRecord[] = []
  /** Damage that may have taken records of this shard, and that no later entry has disproved. */
  #suspect: Damage | undefined

  constructor(
    readonly shard: Shard,
    readonly base: HistoryBase,
  ) {}

  take(owner: OwnerLog): void {
    const damages = owner.damages.filter(
      (damage) => damage.shards === undefined || damage.shards.includes(this.shard),
    )
    const seal = sealOf(owner.entries, owner.epoch)
    // Without a seal it never served, unless a checkpoint of its own stands for the seal.
    if (seal !== undefined) this.#applySeal(owner, seal, damages)
    if (seal === undefined && this.base.epoch !== owner.epoch) {
      if (owner.served === true) throw this.#corrupt("its owner's seal is missing", damages)
      this.#suspect = damages[0] ?? this.#suspect
      return
    }
    let provenOrder = 0
    for (const entry of owner.entries) {
      if (entry.kind === "seal") {
        if (entry.seal.epoch >= owner.epoch) provenOrder = entry.order
      } else if (entry.epoch === owner.epoch && entry.kind !== "copy") {
        if (entry.kind === "record") this.#append(owner, entry, damages)
        else this.#compare(entry, damages)
        provenOrder = entry.order
      }
    }
    this.#suspect = damages.find((damage) => damage.order > provenOrder)
  }

  finish(): History {
    if (this.#suspect !== undefined) {
      throw this.#corrupt("records may be missing", [this.#suspect])
    }
    const { recordNumber, crc } = this.#last
    return { records: this.#records, recordNumber, crc }
  }

  get #last(): { readonly recordNumber: number; readonly crc: number } {
    return this.#records.length === 0 ? this.base : this.#records[this.#records.length - 1].record
  }

  #applySeal(owner: OwnerLog, seal: Seal, damages: readonly Damage[]): void {
    // The checkpoint was made later, by this owner: it holds all that the seal speaks of.
    if (seal.recordNumber < this.base.recordNumber) return
    const copies = copiesBefore(owner, seal, this.base.recordNumber)
    const kept = seal.recordNumber - copies.length - this.base.recordNumber
    if (this.#records.length > kept) this.#records.length = Math.max(0, kept)
    // Whoever sealed knew that these were durable, and copied what was not: after a planned move
    // the logs alone cannot tell.
    this.#records = this.#records.map((record) => ({ ...record, volatile: false }))
    for (const record of copies) this.#append(owner, record, damages)
    const last = this.#last
    if (last.recordNumber !== seal.recordNumber || last.crc !== seal.crc) {
      const suspects = this.#suspect === undefined ? damages : [this.#suspect, ...damages]
      const found = `the history ends at record ${last.recordNumber}`
      throw this.#corrupt(`${found}, epoch ${seal.epoch} sealed ${seal.recordNumber}`, suspects)
    }
    this.#suspect = undefined
  }

  #append(owner: OwnerLog, record: ScannedRecord, damages: readonly Damage[]): void {
    if (record.recordNumber <= this.base.recordNumber) return
    const last = this.#last
    const continues =
      record.recordNumber === last.recordNumber + 1 && record.previousCrc === last.crc
    if (!continues) {
      const gap = `record ${last.recordNumber} is followed by ${record.recordNumber}`
      throw this.#corrupt(gap, damages)
    }
    const volatile = record.order >= owner.durableBefore
    this.#records.push({ record, instance: owner.instance, volatile })
  }

  #compare(
    evidence: { readonly recordNumber: number; readonly crc: number },
    damages: readonly Damage[],
  ): void {
    if (evidence.recordNumber < this.base.recordNumber) return
    const last = this.#last
    if (last.recordNumber === evidence.recordNumber && last.crc === evidence.crc) return
    const said = `record ${evidence.recordNumber} was stored`
    throw this.#corrupt(`${said}, the history ends at ${last.recordNumber}`, damages)
  }

  #corrupt(what: string, damages: readonly Damage[]) {
    const places = damages.map(describeDamage)
    const detail = [`${shardName(this.shard)}: ${what}`, ...places].join("; ")
    const first = damages[0]
    const data = first === undefined ? {} : { file: first.file, offset: first.offset }
    return skeinError("ShardCorrupt", detail, { shard: this.shard, ...data })
  }
}

export const describeDamage = ({ file, offset, length, what }: Damage): string =>
  `${file} at ${offset}, ${length} bytes: ${what}`

/** Records that the owner wrote again before its seal, in order: found backwards by their crcs. */
const copiesBefore = (owner: OwnerLog, seal: Seal, above: number): ScannedRecord[] => {
  const copies: ScannedRecord[] = []
  let { recordNumber, crc } = seal
  let at = owner.entries.findIndex((entry) => entry.kind === "seal" && entry.seal === seal) - 1
  for (; at >= 0 && recordNumber > above; at--) {
    const entry = owner.entries[at]
    if (entry.kind !== "copy" || entry.recordNumber !== recordNumber || entry.crc !== crc) break
    copies.push(entry)
    recordNumber--
    crc = entry.previousCrc
  }
  return copies.reverse()
}
