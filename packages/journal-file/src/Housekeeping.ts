/**
 * Owns: what is done once a second beside the commits: a mark after the last commit, the next log
 * segment, a look at the free room, signs of life of the dead, and when the cleaner runs.
 * Must not know: who asks for cleaning, and why.
 */
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, SkeinError } from "@skein/model"
import type { Cleaner } from "./Cleaner.js"
import type { CommitLog } from "./CommitLog.js"
import type { FileMembership } from "./FileMembership.js"
import type { Paths } from "./Layout.js"
import type { Reservation } from "./Reservation.js"
import type { Turns } from "./Turns.js"

export interface HousekeepingParts {
  readonly disk: Disk
  readonly paths: Paths
  readonly clock: Clock
  readonly log: CommitLog
  readonly membership: FileMembership
  readonly reservation: Reservation
  /** Other processes may use the directory too. */
  readonly shared: boolean
  readonly cleaner: Cleaner
  readonly turns: Turns
  /** How many commits there have been. */
  readonly commits: () => number
  /** The journal closes or has failed. */
  readonly isOver: () => boolean
  /** The error as callers may see it. */
  readonly notice: (error: unknown) => SkeinError
}

const everyMs = 1000
/** Others have to open the shards and publish checkpoints first. */
const tidyEveryLooks = 3
/** How long a pass that left something undone rests before the next. */
const unfinishedLooks = 5

export class Housekeeping {
  /** The next look runs the cleaner: logs were inherited, or room was missing. */
  cleaningDue = false
  #tidiesDead: boolean
  /** Looks until the cleaner runs again; 0: it is not asked to. */
  #cleanInLooks = 0
  #looks = 0
  #markedCommits = 0
  #seenCommits = 0
  #stop: () => void = () => {}

  constructor(readonly parts: HousekeepingParts) {
    this.#tidiesDead = !parts.shared
  }

  /** Whether signs of life and logs of dead processes are removed here. */
  get tidiesDead(): boolean {
    return this.#tidiesDead
  }
  set tidiesDead(tidies: boolean) {
    this.#tidiesDead = tidies
    this.cleaningDue ||= tidies
  }

  start(): void {
    const { clock, disk, log, paths, reservation, turns, commits } = this.parts
    this.#stop = clock.setTimer(everyMs, () => {
      if (this.parts.isOver()) return
      const quiet = commits() === this.#seenCommits && commits() !== this.#markedCommits
      this.#seenCommits = commits()
      const work = quiet ? this.mark() : Promise.resolve()
      void work
        .then(() => this.#tidy())
        .then(() => disk.freeBytes(paths.dir))
        .then((bytes) => {
          reservation.freeBytes = bytes
        })
        .catch((error: unknown) => this.parts.notice(error))
        .then(() => this.start())
      void turns.run(async () => log.prepareNext())
      if (this.#cleanInLooks > 0 && --this.#cleanInLooks === 0) this.cleaningDue = true
      if (this.cleaningDue) void this.cleanSoon()
    })
  }

  stop(): void {
    this.#stop()
  }

  /** A whole pass of the cleaner; rejects as it does. `sparesYoungest`: see there. */
  async clean(sparesYoungest = false): Promise<void> {
    const { cleaner } = this.parts
    await cleaner.run(sparesYoungest)
    // What a pass left to rest is looked at again, though no commit may ask for another pass.
    if (cleaner.isUnfinished) this.#cleanInLooks = unfinishedLooks
  }

  /** A pass in the background. On a full disk it gives up a spare file and tries again later. */
  async cleanSoon(sparesYoungest = false): Promise<void> {
    this.cleaningDue = false
    try {
      await this.clean(sparesYoungest)
    } catch (error) {
      const failure = this.parts.notice(error)
      if (failure._tag !== "DiskFull") return
      this.cleaningDue = true
      const { supply } = this.parts.log
      await supply.dropSpare().catch((worse: unknown) => this.parts.notice(worse))
    }
  }

  /** A batch without records says that the one before it is durable: after it, damage is damage. */
  async mark(): Promise<void> {
    this.#markedCommits = this.parts.commits()
    await this.parts.turns.run(async () => {
      const { log } = this.parts
      if (!log.fits(1, log.markBytes)) await log.roll(log.markBytes)
      log.addMark()
      await log.flush()
    })
  }

  /** Signs of life of dead processes go first: without one a log counts as left behind. */
  async #tidy(): Promise<void> {
    const { disk, membership, paths, shared, cleaner } = this.parts
    if (!shared || !this.#tidiesDead || ++this.#looks % tidyEveryLooks !== 0) return
    for (const instance of membership.abandoned()) {
      await disk.unlink(paths.aliveFile(instance)).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
    }
    this.cleaningDue ||= (await cleaner.retention.deadInstances()).length > 0
  }
}
