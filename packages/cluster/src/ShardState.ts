/**
 * Owns: what a shard's records amount to: its actors, the number of the last record, the journal
 * time, and what the next checkpoint needs beside them. It is brought back by `restore` and
 * `replay`, and goes on by what the host decides.
 * Must not know: turns, commits, requests.
 *
 * A shard that is only followed is brought up to date likewise; frames that die meanwhile are given
 * back once the shard is open (`opened`).
 */
import type {
  CheckpointDelta,
  Chunk,
  FrameKey,
  Location,
  OpenedShard,
  ReplayedFrame,
  ReplayedRecord,
} from "@skein/journal"
import { type Clock, type Generation, invariant, type Shard } from "@skein/model"
import { ShardCut } from "./backup/ShardCut.js"
import { clockKey, HostClock } from "./HostClock.js"
import type { ActorFactory } from "./HostContext.js"
import { KeptEvents } from "./KeptEvents.js"
import type { ShardMeter } from "./load/ShardMeter.js"
import { decodeSections, encodeSections, type Section } from "./RecordSections.js"
import type { ActorChunk, ShardActor } from "./ShardActor.js"
import type { ShardHost } from "./ShardHost.js"

export class ShardState {
  readonly actors = new Map<Generation, ShardActor>()
  readonly clock: HostClock
  /** Absent while the shard is only followed. */
  opened: OpenedShard | undefined
  /** The last record whose frames the actors know the places of. */
  placedUpTo = 0
  /** A backup reads the shard as it was; there is one at most. */
  cut: ShardCut | undefined
  private cuts = 0
  private recordNumber = 0
  private readonly kept = new KeptEvents()
  /** Deleted since the last checkpoint. */
  private erased: ShardActor[] = []
  /** Frames that died while the shard was followed. */
  private died: [Location, number][] = []

  constructor(
    clock: Clock,
    private readonly meter: ShardMeter,
  ) {
    this.clock = new HostClock(clock)
  }

  /** As the checkpoint has it; `host` is what the actors live in. */
  async restore(
    checkpoint: OpenedShard["checkpoint"],
    factory: ActorFactory,
    host: ShardHost,
  ): Promise<void> {
    this.recordNumber = checkpoint.recordNumber
    const chunks = new Map<Generation, ActorChunk[]>()
    for await (const chunk of checkpoint.chunks) {
      if (chunk.key === clockKey) {
        this.clock.restore(chunk.bytes)
        continue
      }
      const generation = factory.generationOf(chunk.key)
      const list = chunks.get(generation)
      if (list === undefined) chunks.set(generation, [chunk])
      else list.push(chunk)
    }
    for (const [generation, list] of chunks) this.add(factory.restored(generation, list, host))
    this.placeAll(checkpoint.placements)
  }

  /** The record that follows. */
  replay(record: ReplayedRecord, factory: ActorFactory, host: ShardHost): void {
    invariant(record.recordNumber === this.recordNumber + 1, "records follow without a gap")
    this.recordNumber = record.recordNumber
    this.clock.reached(record.journalMs)
    this.kept.add(record.events)
    for (const section of decodeSections(record.events)) {
      let actor = this.actors.get(section.generation)
      if (actor === undefined) {
        if (section.deleted) continue
        actor = factory.replaying(section.generation, host)
        this.actors.set(section.generation, actor)
      }
      if (section.events.length > 0) actor.replay(section.events)
      if (section.deleted) this.forget(actor)
    }
    for (const frame of record.frames) this.place(frame, frame.location, frame.bytes)
  }

  /** All that was replayed has its places. From now on it is written to. */
  serve(opened: OpenedShard): void {
    this.placedUpTo = this.recordNumber
    this.opened = opened
    this.giveBackTo(opened)
  }

  /** The events of the next record, encoded. */
  record(sections: readonly Section[]): Uint8Array {
    this.recordNumber += 1
    const events = encodeSections(sections)
    this.kept.add(events)
    return events
  }

  /** Puts an actor into the shard. */
  add(actor: ShardActor): void {
    invariant(!this.actors.has(actor.generation), "an actor of this generation is there already")
    this.actors.set(actor.generation, actor)
  }

  /** The actor is deleted: its frames are given back, its chunks go with the next checkpoint. */
  forget(actor: ShardActor): void {
    this.actors.delete(actor.generation)
    actor.erase()
    this.meter.depth += actor.depthChange()
    this.erased.push(actor)
  }

  locate(key: FrameKey): Location | undefined {
    return this.cut?.locate(key) ?? this.actors.get(key.generation)?.locate(key.first)
  }

  /** The frame was copied. */
  relocate(key: FrameKey, to: Location): void {
    if (!this.cut?.relocate(key, to)) this.actors.get(key.generation)?.relocate(key.first, to)
  }

  /** As {@link relocate}, for each. */
  placeAll(frames: readonly ReplayedFrame[]): void {
    for (const frame of frames) this.relocate(frame, frame.location)
  }

  /** Tells the frame's actor where it lies; a frame that nobody needs any more is given back. */
  place(key: FrameKey, location: Location, bytes: number): void {
    const live = this.actors.get(key.generation)?.relocate(key.first, location, bytes) === true
    if (!live) this.release(location, bytes, key)
  }

  /** No message of the frame is left; `key`: whose it was, where that is known. */
  release(location: Location, bytes: number, key?: FrameKey): void {
    if (key !== undefined && this.cut?.holds(key, location, bytes)) return
    // Those of a shard that is followed are given back once it is open.
    if (this.opened === undefined) this.died.push([location, bytes])
    else this.opened.release(location, bytes)
  }

  /** Frames that died before the shard was open here. */
  giveBackTo(opened: OpenedShard): void {
    for (const [location, bytes] of this.died) opened.release(location, bytes)
    this.died = []
  }

  /** The shard as it is now: the host has just closed its record. */
  cutNow(shard: Shard, clock: Clock): ShardCut {
    const { actors, opened, recordNumber } = this
    invariant(opened !== undefined, "a shard that is only followed is backed up")
    this.cut?.end("another backup of the shard has begun")
    const { journalMs } = this.clock.now()
    const host = {
      ...{ shard, opened, actors },
      locate: (key: FrameKey) => this.locate(key),
      release: (location: Location, bytes: number) => this.release(location, bytes),
    }
    const at = { id: `${opened.epoch}.${++this.cuts}`, recordNumber, journalMs }
    this.cut = new ShardCut(host, clock, at, this.clock.chunk())
    return this.cut
  }

  /** What changed since the last call; those that are aside get their events first. */
  changes(): CheckpointDelta {
    this.kept.giveOut(this.actors)
    const put: Chunk[] = [this.clock.chunk()]
    const drop: string[] = []
    for (const actor of [...this.actors.values(), ...this.erased]) {
      const delta = actor.checkpoint()
      for (const chunk of delta.put) put.push(chunk)
      for (const key of delta.drop) drop.push(key)
    }
    this.erased = []
    return { recordNumber: this.recordNumber, placedUpTo: this.placedUpTo, put, drop }
  }

  /** The host has ended. */
  clear(): void {
    this.kept.clear()
    this.actors.clear()
  }
}
