/**
 * Owns: who else uses the directory: every process's file in DIR/alive is looked at as often as its
 * counter is rewritten. Silence is measured on this process's monotonic clock; a stall of this
 * process is no silence of the others.
 * Must not know: tokens, shards. Silence is a reason to try a takeover, never a right.
 */
import type { Disk, DiskFile, Membership, SeenNode } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, InstanceId } from "@skein/model"
import { limits } from "@skein/model"
import {
  type AliveFile,
  type AliveLook,
  type AliveNote,
  openAlive,
  readAlive,
} from "./AliveFile.js"
import { isInstanceId, type Paths } from "./Layout.js"
import type { ProcessRuns } from "./ProcessMark.js"

/** One that took its sign away is shown as silent for so long. */
const shownMs = 10 * limits.silenceAfterMs
/** Of a process that cannot be looked at (another container), so much silence means its end. */
const abandonedAfterMs = 60_000

interface Watched {
  note: AliveNote
  raw: string
  /** By this process's monotonic clock: when its file was seen to change. */
  movedMs: number
  leftMs: number | undefined
  silent: boolean
  dead: boolean
}

export interface FileMembershipParts {
  readonly disk: Disk
  readonly paths: Paths
  readonly clock: Clock
  readonly alive: AliveFile
  readonly processRuns: ProcessRuns
}

export class FileMembership implements Membership {
  readonly self: InstanceId
  readonly #watched = new Map<InstanceId, Watched>()
  readonly #listeners = new Set<() => void>()
  /** Kept open while they change: a look is one read. */
  readonly #files = new Map<InstanceId, DiskFile>()
  #lookedMs: number
  #stop: () => void = () => {}
  #closed = false
  #looking: Promise<void> = Promise.resolve()

  constructor(readonly parts: FileMembershipParts) {
    this.self = parts.alive.note.instance
    this.#lookedMs = parts.clock.monotonicMs()
  }

  /** Looks once, and from then on at the pace of the signs of life. */
  async start(): Promise<void> {
    await this.#look()
    this.#arm()
  }

  readonly tell: Membership["tell"] = async (change) => {
    await this.parts.alive.update(change)
    this.#tellAll()
  }

  readonly nodes = (): readonly SeenNode[] => {
    const own = { ...publicNote(this.parts.alive.note), silent: false, dead: false }
    const others = [...this.#watched.values()].map(({ note, silent, dead }) => {
      return { ...publicNote(note), silent, dead }
    })
    others.sort((a, b) => Number(a.silent) - Number(b.silent) || b.sinceMs - a.sinceMs)
    return [own, ...others.slice(0, limits.nodesMax - 1)]
  }

  readonly onChange = (listener: () => void): (() => void) => {
    const own = () => listener()
    this.#listeners.add(own)
    return () => {
      this.#listeners.delete(own)
    }
  }

  /** Those whose signs of life may be removed: nobody will come back to them. */
  abandoned(): readonly InstanceId[] {
    const nowMs = this.parts.clock.monotonicMs()
    const gone: InstanceId[] = []
    for (const [instance, { note, silent, dead, movedMs }] of this.#watched) {
      const mute = silent && nowMs - movedMs >= abandonedAfterMs
      if (dead || (mute && this.parts.processRuns(note) === undefined)) gone.push(instance)
    }
    return gone
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#listeners.clear()
    this.#stop()
    await this.#looking
    for (const instance of [...this.#files.keys()]) await this.#letGo(instance)
  }

  #arm(): void {
    if (this.#closed) return
    this.#stop = this.parts.clock.setTimer(limits.aliveEveryMs, () => {
      // What cannot be read now is looked at again: others judge this process by its own file.
      this.#looking = this.#look()
        .catch(() => {})
        .then(() => this.#arm())
    })
  }

  async #look(): Promise<void> {
    const { disk, paths, clock } = this.parts
    const names = await disk.list(paths.alive).catch((error: unknown) => {
      if (isMissing(error)) return []
      throw error
    })
    const nowMs = clock.monotonicMs()
    const stallMs = Math.max(0, nowMs - this.#lookedMs - 2 * limits.aliveEveryMs)
    this.#lookedMs = nowMs
    let changed = false
    const there = names.filter((name) => isInstanceId(name) && name !== this.self)
    for (const instance of there) changed = (await this.#lookAt(instance, nowMs)) || changed
    const present = new Set(there)
    for (const [instance, watched] of this.#watched) {
      if (stallMs > 0 && watched.movedMs < nowMs) watched.movedMs += stallMs
      if (!present.has(instance)) watched.leftMs ??= nowMs
      if (!present.has(instance) || watched.dead) await this.#letGo(instance)
      changed = this.#judge(watched, nowMs) || changed
      const over = watched.leftMs !== undefined && nowMs - watched.leftMs >= shownMs
      if (over) changed = this.#watched.delete(instance)
    }
    if (changed) this.#tellAll()
  }

  /** Whether it says something new of itself. */
  async #lookAt(instance: InstanceId, nowMs: number): Promise<boolean> {
    const watched = this.#watched.get(instance)
    if (watched?.dead === true) return false
    const look = await this.#read(instance)
    if (look === undefined) return false
    const { raw, note } = look
    if (watched === undefined) {
      // Caught in the middle of its first writing: it is seen the next time.
      if (note === undefined) return false
      const fresh = { note, raw, movedMs: nowMs, leftMs: undefined, silent: false, dead: false }
      this.#watched.set(instance, fresh)
      return true
    }
    watched.leftMs = undefined
    if (raw === watched.raw) {
      // Its process may have made a new file under the name.
      await this.#letGo(instance)
      return false
    }
    watched.raw = raw
    watched.movedMs = nowMs
    if (note === undefined) return false
    const changed = tells(note) !== tells(watched.note)
    watched.note = note
    return changed
  }

  async #read(instance: InstanceId): Promise<AliveLook | undefined> {
    const known = this.#files.get(instance)
    const file = known ?? (await openAlive(this.parts.disk, this.parts.paths, instance))
    if (file === undefined) return undefined
    this.#files.set(instance, file)
    return readAlive(file)
  }

  async #letGo(instance: InstanceId): Promise<void> {
    const file = this.#files.get(instance)
    this.#files.delete(instance)
    await file?.close()
  }

  #judge(watched: Watched, nowMs: number): boolean {
    const { silent, dead } = watched
    watched.dead = dead || this.parts.processRuns(watched.note) === false
    const mute = nowMs - watched.movedMs >= limits.silenceAfterMs
    watched.silent = watched.dead || watched.leftMs !== undefined || mute
    return watched.silent !== silent || watched.dead !== dead
  }

  #tellAll(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** What may change while a process lives. */
const tells = ({ address, state, givenUp = [] }: AliveNote): string =>
  [address, state, ...givenUp].join(" ")

const publicNote = (note: AliveNote) => {
  const { instance, node, host, pid, address, sinceMs, state, givenUp = [] } = note
  return { instance, node, host, pid, address, sinceMs, state, givenUp }
}
