/**
 * Owns: names and places of everything in a data directory, and the numbers of its format.
 * See FORMAT.md for the picture.
 *
 *   DIR/fabric.json
 *   DIR/restoring.json          only until a restore has ended
 *   DIR/alive/<instance>
 *   DIR/logs/<instance>/log.<number>.<bytes>
 *   DIR/shards/s017/{owner,claim}.<epoch>.<instance>
 *   DIR/shards/s017/{checkpoint,segment}.<epoch>.<number>
 *   DIR/manager/owner.<epoch>.<instance>
 *   DIR/table/{current,table}.<version>.<instance>
 */
import { crc32 } from "node:zlib"
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { shardName } from "@skein/model"

export const formatVersion = 1

/** The suffix of a file that is not there yet: whoever finds one after a crash may delete it. */
export const unfinished = ".tmp"

export const paths = (dir: string) => {
  const logs = `${dir}/logs`
  const shards = `${dir}/shards`
  const alive = `${dir}/alive`
  const shard = (of: Shard) => `${shards}/${shardName(of)}`
  return {
    dir,
    logs,
    shards,
    alive,
    fabric: `${dir}/fabric.json`,
    /** A restore is under way here, or was cut off. */
    restoring: `${dir}/restoring.json`,
    /** What a new fabric will be, while it is created. */
    genesis: `${dir}/genesis`,
    manager: `${dir}/manager`,
    table: `${dir}/table`,
    aliveFile: (instance: InstanceId) => `${alive}/${instance}`,
    log: (instance: InstanceId) => `${logs}/${instance}`,
    logSegment: (instance: InstanceId, number: number, bytes: number) =>
      `${logs}/${instance}/log.${String(number).padStart(8, "0")}.${bytes}`,
    shard,
    owner: (of: Shard, epoch: Epoch, instance: InstanceId) =>
      `${shard(of)}/owner.${epoch}.${instance}`,
    claim: (of: Shard, epoch: Epoch, instance: InstanceId) =>
      `${shard(of)}/claim.${epoch}.${instance}`,
    checkpoint: (of: Shard, epoch: Epoch, number: number) =>
      `${shard(of)}/checkpoint.${epoch}.${number}`,
    segment: (of: Shard, epoch: Epoch, number: number) => `${shard(of)}/segment.${epoch}.${number}`,
  }
}
export type Paths = ReturnType<typeof paths>

/** Who holds a shard that nobody has opened yet, under epoch 0. */
export const genesis = "genesis"

const instancePattern = /^[0-9A-Za-z_-]{1,64}$/
export const isInstanceId = (text: string): boolean => instancePattern.test(text)

export interface NamedByInstance {
  readonly kind: "owner" | "claim"
  readonly epoch: Epoch
  readonly instance: InstanceId
}
export interface NamedByNumber {
  readonly kind: "checkpoint" | "segment"
  readonly epoch: Epoch
  readonly number: number
}

/** What a file in a shard's directory is, or `undefined` when it is none of ours. */
export const parseShardFile = (name: string): NamedByInstance | NamedByNumber | undefined => {
  const [kind, first, second, more] = name.split(".")
  if (second === undefined || more !== undefined) return undefined
  const epoch = wholeNumber(first)
  if (epoch === undefined) return undefined
  if (kind === "owner" || kind === "claim") {
    return isInstanceId(second) ? { kind, epoch, instance: second } : undefined
  }
  if (kind !== "checkpoint" && kind !== "segment") return undefined
  const number = wholeNumber(second)
  return number === undefined ? undefined : { kind, epoch, number }
}

export interface LogSegmentName {
  readonly name: string
  readonly number: number
  readonly bytes: number
}

export const parseLogSegment = (name: string): LogSegmentName | undefined => {
  const [kind, first, second, more] = name.split(".")
  if (kind !== "log" || second === undefined || more !== undefined) return undefined
  const number = wholeNumber(String(Number(first)))
  const bytes = wholeNumber(second)
  return number === undefined || bytes === undefined ? undefined : { name, number, bytes }
}

const wholeNumber = (text: string): number | undefined => {
  const number = Number(text)
  return Number.isSafeInteger(number) && number >= 0 && String(number) === text ? number : undefined
}

/**
 * What binds a batch to its segment: a recycled file still holds valid batches of its former life,
 * and their CRCs were seeded by another salt.
 */
export const segmentSalt = (instance: InstanceId, number: number): number =>
  crc32(`${instance}/${number}`)

/** Batches begin at multiples of this, so that the next one is found behind a damaged one. */
export const batchAlignBytes = 16
export const align = (bytes: number): number => Math.ceil(bytes / batchAlignBytes) * batchAlignBytes
