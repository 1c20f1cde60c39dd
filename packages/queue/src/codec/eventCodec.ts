/**
 * Owns: the stored form of durable events. A record of a shard holds `[version, event, …]`, events
 * of several queues in the order in which they happened, each `[generation, tag, …fields]`:
 *
 * ```
 *   1 Created         name, policy
 *   2 Opened          epoch
 *   3 FramePublished  journalMs, producer, frameNumber, first, count, bytes, duplicates, dedup
 *   4 Touched         block
 *   5 Redelivered     ranges
 *   6 Ended           outcome, cause, ranges        cause: 0 none, 1 closed, 2 expired, 3 lost
 *   7 MessagesPurged  ranges
 *   8 Deleted
 *   9 Ended           outcome, epoch, attempt, ranges   an ack or reject by an earlier tag
 *  10 HandedOver      part, digest, sessions, leases    codec/handedOverCodec.ts
 *  11 Received        epoch
 *  64 QueueDeclared   name, policy, shard, generation   of the catalog: its events are
 *  65 QueueRemoved    generation                        under generation 0
 *  66 QueueBuried     generation
 * ```
 * Absent bytes are nil. Append only: a tag's fields never change their meaning.
 */
import { type Generation, isHex128, limits, outcomes } from "@skein/model"
import { type CatalogEvent, catalogGeneration, isCatalogEvent } from "../catalog/CatalogEvent.js"
import type { DurableEvent, EndCause } from "../Event.js"
import { packHandedOver, readHandedOver } from "./handedOverCodec.js"
import { packPolicy, readPolicy } from "./policyCodec.js"
import { type Fields, packTuple, unpackTuple } from "./tuples.js"

/** Events of the catalog have generation 0; tell them apart with `isCatalogEvent`. */
export interface JournaledEvent {
  readonly generation: Generation
  readonly event: CatalogEvent | DurableEvent
}

const version = 1
const causes: readonly EndCause[] = ["closed", "expired", "lost"]

/** Bytes of one record's events. */
export const encodeEvents = (events: readonly JournaledEvent[]): Uint8Array =>
  packTuple([version, ...events.map(packEvent)])

/** @throws SkeinError ShardCorrupt, VersionUnsupported */
export const decodeEvents = (bytes: Uint8Array): JournaledEvent[] => {
  const fields = unpackTuple("events of a record", bytes, version)
  const events: JournaledEvent[] = []
  while (fields.left > 0) {
    const tuple = fields.tuple(`event ${events.length}`)
    const generation = tuple.count("generation")
    const tag = tuple.count("tag")
    const event = readEvent(tag, tuple) ?? readCatalogEvent(tag, tuple)
    if (event === undefined) throw tuple.corrupt(`tag ${tag} is not known`)
    if (isCatalogEvent(event) !== (generation === catalogGeneration)) {
      throw tuple.corrupt(`tag ${tag} does not belong to generation ${generation}`)
    }
    tuple.end()
    events.push({ generation, event })
  }
  return events
}

const packEvent = ({ generation, event }: JournaledEvent): readonly unknown[] => {
  switch (event._tag) {
    case "Created":
      return [generation, 1, event.name, packPolicy(event.policy)]
    case "Opened":
      return [generation, 2, event.epoch]
    case "FramePublished":
      return [
        generation,
        3,
        event.journalMs,
        event.producer,
        event.frameNumber,
        event.first,
        event.count,
        event.bytes,
        event.duplicates ?? null,
        event.dedup ?? null,
      ]
    case "Touched":
      return [generation, 4, event.block]
    case "Redelivered":
      return [generation, 5, event.ranges]
    case "Ended": {
      const outcome = outcomes.indexOf(event.outcome)
      const { by, ranges } = event
      if (by !== undefined) return [generation, 9, outcome, by.epoch, by.attempt, ranges]
      const cause = event.cause === undefined ? 0 : causes.indexOf(event.cause) + 1
      return [generation, 6, outcome, cause, ranges]
    }
    case "MessagesPurged":
      return [generation, 7, event.ranges]
    case "Deleted":
      return [generation, 8]
    case "HandedOver":
      return [generation, 10, ...packHandedOver(event)]
    case "Received":
      return [generation, 11, event.epoch]
    case "QueueDeclared":
      return [generation, 64, event.name, packPolicy(event.policy), event.shard, event.generation]
    case "QueueRemoved":
      return [generation, 65, event.generation]
    case "QueueBuried":
      return [generation, 66, event.generation]
  }
}

const readCatalogEvent = (tag: number, fields: Fields): CatalogEvent | undefined => {
  switch (tag) {
    case 64:
      return {
        _tag: "QueueDeclared",
        name: fields.text("name"),
        policy: readPolicy(fields.tuple("policy")),
        shard: fields.count("shard", limits.shardsMax - 1),
        generation: fields.count("generation"),
      }
    case 65:
      return { _tag: "QueueRemoved", generation: fields.count("generation") }
    case 66:
      return { _tag: "QueueBuried", generation: fields.count("generation") }
    default:
      return undefined
  }
}

const readEvent = (tag: number, fields: Fields): DurableEvent | undefined => {
  switch (tag) {
    case 1:
      return {
        _tag: "Created",
        name: fields.text("name"),
        policy: readPolicy(fields.tuple("policy")),
      }
    case 2:
      return { _tag: "Opened", epoch: fields.count("epoch") }
    case 3:
      return readPublished(fields)
    case 4:
      return { _tag: "Touched", block: fields.count("block") }
    case 5:
      return { _tag: "Redelivered", ranges: fields.ranges("ranges") }
    case 6: {
      const outcome = outcomes[fields.count("outcome", outcomes.length - 1)]
      const cause = fields.count("cause", causes.length)
      const ranges = fields.ranges("ranges")
      return { _tag: "Ended", outcome, ranges, ...(cause > 0 ? { cause: causes[cause - 1] } : {}) }
    }
    case 7:
      return { _tag: "MessagesPurged", ranges: fields.ranges("ranges") }
    case 8:
      return { _tag: "Deleted" }
    case 9:
      return {
        _tag: "Ended",
        outcome: outcomes[fields.count("outcome", outcomes.length - 1)],
        by: { epoch: fields.count("epoch"), attempt: fields.count("attempt") },
        ranges: fields.ranges("ranges"),
      }
    case 10:
      return readHandedOver(fields)
    case 11:
      return { _tag: "Received", epoch: fields.count("epoch") }
    default:
      return undefined
  }
}

const readPublished = (fields: Fields): DurableEvent => {
  const journalMs = fields.count("journalMs")
  const producer = fields.text("producer")
  if (!isHex128(producer)) throw fields.corrupt("producer is no 128-bit id")
  const frameNumber = fields.count("frameNumber")
  const first = fields.count("first")
  const count = fields.count("count", limits.frameMessagesMax)
  const bytes = fields.count("bytes", limits.frameBytesMax)
  const duplicates = fields.optionalBytes("duplicates")
  const dedup = fields.optionalBytes("dedup")
  if (count === 0) throw fields.corrupt("a frame without messages")
  if (duplicates !== undefined && duplicates.length !== (count + 7) >>> 3) {
    throw fields.corrupt("duplicates do not fit the count")
  }
  if (dedup !== undefined && dedup.length !== count * 16) {
    throw fields.corrupt("dedup ids do not fit the count")
  }
  return {
    _tag: "FramePublished",
    journalMs,
    producer,
    frameNumber,
    first,
    count,
    bytes,
    ...(duplicates === undefined ? {} : { duplicates }),
    ...(dedup === undefined ? {} : { dedup }),
  }
}
