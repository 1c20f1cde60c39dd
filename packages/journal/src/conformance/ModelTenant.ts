/**
 * Owns: the simplest tenant that uses all of the journal: it keeps frames until they are dropped,
 * remembers every record's text by a running digest, and makes incremental checkpoints. The suites
 * and the crash simulation check journals with it.
 */
import { strict as assert } from "node:assert"
import type { Epoch, SkeinError } from "@skein/model"
import type {
  CheckpointDelta,
  Chunk,
  FollowedShard,
  FrameKey,
  Location,
  OpenedShard,
  ReplayedRecord,
  ShardRecord,
  ShardTenant,
} from "../Journal.js"

/** What a record says: a text, and frames that are not wanted any more. */
export interface ModelEvent {
  readonly text: string
  readonly drop: readonly FrameKey[]
}

interface HeldFrame extends FrameKey {
  /** Unknown until the commit is answered. */
  location: Location | undefined
  readonly bytes: number
}

export const encodeEvent = (event: ModelEvent): Uint8Array => Buffer.from(JSON.stringify(event))
const decodeEvent = (bytes: Uint8Array): ModelEvent => JSON.parse(Buffer.from(bytes).toString())
const keyOf = ({ generation, first }: FrameKey): string => `${generation}/${first}`

export class ModelTenant implements ShardTenant {
  recordNumber = 0
  /** Texts of all records, in order, joined: equal texts, equal histories. */
  history = ""
  readonly frames = new Map<string, HeldFrame>()
  readonly #dirty = new Set<number>()
  #historyDirty = false
  #placedUpTo = 0
  closedBy: SkeinError | undefined

  #opened: OpenedShard | undefined
  /** Of frames that went while the shard was only followed. */
  readonly #released: { readonly location: Location; readonly bytes: number }[] = []

  get opened(): OpenedShard {
    assert.ok(this.#opened !== undefined, "the shard is open")
    return this.#opened
  }

  /** Replays an opened shard and attaches to it. */
  static async open(opened: OpenedShard): Promise<ModelTenant> {
    const tenant = new ModelTenant()
    tenant.#opened = opened
    await tenant.#load(opened.checkpoint)
    await tenant.#goOn(opened)
    return tenant
  }

  /** Takes in what is there of another's shard by now. */
  static async follow(followed: FollowedShard): Promise<ModelTenant> {
    const tenant = new ModelTenant()
    await tenant.#load(followed.checkpoint)
    await tenant.catchUp(followed)
    return tenant
  }

  async catchUp(followed: FollowedShard): Promise<void> {
    for await (const record of followed.catchUp()) this.#replay(record)
  }

  /** The token has come: replays what is left, and attaches. */
  async openFollowed(followed: FollowedShard, epoch: Epoch): Promise<void> {
    const opened = await followed.open(epoch)
    this.#opened = opened
    for (const { location, bytes } of this.#released) opened.release(location, bytes)
    for (const frame of opened.checkpoint.placements) this.#place(frame, frame.location)
    await this.#goOn(opened)
  }

  /** Takes a record that is about to be committed. Its frames get their place by `placed`. */
  evolve(record: ShardRecord): void {
    this.recordNumber++
    for (const { generation, first, bytes } of record.frames) {
      this.#hold({ generation, first, location: undefined, bytes: bytes.length })
    }
    this.#apply(decodeEvent(record.events))
  }

  /** Takes in the answer to a commit. */
  placed(records: readonly ShardRecord[], locations: readonly Location[]): void {
    let at = 0
    for (const { frames } of records) {
      for (const frame of frames) {
        const location = locations[at++]
        if (this.#place(frame, location)) continue
        this.opened.release(location, frame.bytes.length)
      }
    }
    assert.equal(at, locations.length, "one location for each frame")
    this.#placedUpTo += records.length
  }

  /** All frames that are wanted, read and compared by `expected`. */
  async readAll(): Promise<Map<string, Uint8Array>> {
    const bodies = new Map<string, Uint8Array>()
    for (const [key, frame] of [...this.frames]) {
      assert.ok(frame.location !== undefined, `${key} has a place`)
      bodies.set(key, await this.opened.read(frame, frame.location, frame.bytes))
    }
    return bodies
  }

  readonly checkpoint = (): CheckpointDelta => {
    const put: Chunk[] = []
    const drop: string[] = []
    for (const generation of this.#dirty) {
      const held = [...this.frames.values()].filter((frame) => frame.generation === generation)
      const key = `frames ${generation}`
      if (held.length === 0) drop.push(key)
      else put.push({ key, bytes: Buffer.from(JSON.stringify(held)) })
    }
    if (this.#historyDirty) {
      const state = { recordNumber: this.recordNumber, history: this.history }
      put.push({ key: "history", bytes: Buffer.from(JSON.stringify(state)) })
    }
    this.#dirty.clear()
    this.#historyDirty = false
    return { recordNumber: this.recordNumber, placedUpTo: this.#placedUpTo, put, drop }
  }

  readonly locate = (key: FrameKey): Location | undefined => this.frames.get(keyOf(key))?.location

  readonly relocate = (key: FrameKey, to: Location): void => {
    const frame = this.frames.get(keyOf(key))
    assert.ok(frame, "only a frame that is wanted is moved")
    frame.location = to
    this.#dirty.add(frame.generation)
  }

  readonly closed = (why: SkeinError): void => {
    this.closedBy = why
  }

  async #load(checkpoint: OpenedShard["checkpoint"]): Promise<void> {
    for await (const chunk of checkpoint.chunks) this.#restore(chunk)
    for (const frame of checkpoint.placements) this.#place(frame, frame.location)
    assert.equal(this.recordNumber, checkpoint.recordNumber, "the checkpoint's record")
  }

  async #goOn(opened: OpenedShard): Promise<void> {
    for await (const record of opened.records) this.#replay(record)
    for (const [key, { location }] of this.frames) assert.ok(location !== undefined, key)
    this.#placedUpTo = this.recordNumber
    opened.attach(this)
  }

  #restore({ key, bytes }: Chunk): void {
    const json = JSON.parse(Buffer.from(bytes).toString())
    if (key !== "history") {
      for (const frame of json as HeldFrame[]) this.frames.set(keyOf(frame), frame)
      return
    }
    this.recordNumber = json.recordNumber
    this.history = json.history
  }

  #replay(record: ReplayedRecord): void {
    assert.equal(record.recordNumber, this.recordNumber + 1, "records without gaps")
    this.recordNumber++
    for (const frame of record.frames) this.#hold({ ...frame })
    this.#apply(decodeEvent(record.events))
  }

  /** `false`: no such frame is left. */
  #place(key: FrameKey, location: Location): boolean {
    const frame = this.frames.get(keyOf(key))
    if (frame === undefined) return false
    frame.location = location
    this.#dirty.add(frame.generation)
    return true
  }

  #hold(frame: HeldFrame): void {
    this.frames.set(keyOf(frame), frame)
    this.#dirty.add(frame.generation)
  }

  #apply({ text, drop }: ModelEvent): void {
    this.history += `${text};`
    this.#historyDirty = true
    for (const key of drop) {
      const frame = this.frames.get(keyOf(key))
      if (frame === undefined) continue
      this.frames.delete(keyOf(key))
      this.#dirty.add(key.generation)
      const { location } = frame
      if (location === undefined) continue
      if (this.#opened !== undefined) this.#opened.release(location, frame.bytes)
      else this.#released.push({ location, bytes: frame.bytes })
    }
  }
}
