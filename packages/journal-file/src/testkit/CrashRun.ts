/**
 * Owns: one seeded run of the real file journal on the simulated disk: random commits, reopenings
 * and cleaning, power cuts at random operations (also in recovery and cleaning), and the check
 * after each recovery: every confirmed record is there, exactly and in order; what is there beyond
 * is what was under way when the power went, nothing else; every wanted frame has its bytes.
 */
import { strict as assert } from "node:assert"
import {
  type Disk,
  type Journal,
  ManualClock,
  ModelTenant,
  SeededRandom,
  type ShardRecord,
  SimulatedDisk,
} from "@skein/journal"
import { type Clock, isSkeinError, limits } from "@skein/model"
import { openFileJournal } from "../openFileJournal.js"
import { KnownShards } from "./KnownShards.js"

export interface CrashRunOptions {
  readonly seed: number
  /** Put between journal and disk: a mutant. */
  readonly wrap?: (disk: Disk) => Disk
  readonly lives?: number
  readonly shards?: number
}

export interface CrashRunResult {
  readonly confirmed: number
  readonly crashes: number
  readonly adopted: number
  readonly operations: number
}

export const crashRun = async (options: CrashRunOptions): Promise<CrashRunResult> => {
  const run = new CrashRun(options)
  try {
    return await run.run()
  } catch (error) {
    throw new Error(`seed ${options.seed}: ${String(error)}`, { cause: error })
  }
}

class CrashRun {
  readonly random: SeededRandom
  readonly disk: SimulatedDisk
  readonly known: KnownShards
  crashes = 0
  crashed = false

  constructor(readonly options: CrashRunOptions) {
    this.random = new SeededRandom(options.seed)
    this.disk = new SimulatedDisk({ random: this.random.fork() })
    this.known = new KnownShards(options.shards ?? 3, this.random)
  }

  async run(): Promise<CrashRunResult> {
    const lives = this.options.lives ?? 4
    for (let life = 0; life < lives; life++) {
      const last = life === lives - 1
      this.#armCrash(last ? undefined : this.#deadline())
      await this.#live(last)
      if (last) break
      if (this.crashed) this.crashes++
      else if (this.random.chance(0.5)) this.disk.kill()
      else this.disk.crash()
    }
    const { confirmed, adopted } = this.known
    return { confirmed, crashes: this.crashes, adopted, operations: this.disk.operationCount }
  }

  /** Mostly in the middle of things, now and then in the very first steps. */
  #deadline(): number {
    const span = this.random.chance(0.2) ? 60 : 900
    return this.disk.operationCount + 1 + this.random.below(span)
  }

  #armCrash(at: number | undefined): void {
    this.crashed = false
    this.disk.fault = ({ number }) => {
      if (at === undefined || number < at || this.crashed) return undefined
      this.crashed = true
      return "crash"
    }
  }

  async #live(whole: boolean): Promise<void> {
    const disk = (this.options.wrap ?? ((same: Disk) => same))(this.disk.process())
    let journal: Journal & { readonly clean: () => Promise<void> }
    try {
      journal = await openFileJournal({
        dir: "/data",
        disk,
        clock: impatientClock(),
        random: this.random,
        shards: this.known.shards,
        segmentBytes: 16 * 1024,
        uncleanedBytesMax: 48 * 1024,
        cacheBytesMax: 8 * 1024,
        processRuns: () => false,
      })
    } catch (error) {
      if (this.crashed && !whole) return
      throw error
    }
    const tenants: (ModelTenant | undefined)[] = []
    for (let shard = 0; shard < this.known.shards; shard++) {
      tenants.push(await this.#open(journal, shard))
    }
    await this.#work(journal, tenants)
    if (!this.crashed && (whole || this.random.chance(0.3))) await journal.close()
  }

  /** Opens a shard and checks what it recovered; `undefined` when the power went meanwhile. */
  async #open(journal: Journal, shard: number): Promise<ModelTenant | undefined> {
    try {
      const tenant = await ModelTenant.open(await journal.openShard(shard))
      if (this.crashed) return undefined
      this.known.checkHistory(shard, tenant.history)
      await this.known.checkBodies(shard, tenant)
      return tenant
    } catch (error) {
      if (this.crashed && isOfCrash(error)) return undefined
      throw error
    }
  }

  async #work(
    journal: Journal & { clean: () => Promise<void> },
    tenants: (ModelTenant | undefined)[],
  ) {
    const steps = 10 + this.random.below(60)
    const cleaning: Promise<void>[] = []
    for (let step = 0; step < steps && !this.crashed; step++) {
      const dice = this.random.below(20)
      if (dice === 0) {
        const shard = this.random.below(tenants.length)
        if (this.random.chance(0.5)) await tenants[shard]?.opened.close()
        tenants[shard] = await this.#open(journal, shard)
      } else if (dice === 1) {
        cleaning.push(journal.clean().catch((error: unknown) => this.#expectCrash(error)))
        if (this.random.chance(0.5)) await cleaning[cleaning.length - 1]
      } else {
        await this.#commit(journal, tenants)
      }
    }
    await Promise.all(cleaning)
  }

  #expectCrash(error: unknown): void {
    if (!this.crashed) throw error
  }

  async #commit(journal: Journal, tenants: (ModelTenant | undefined)[]): Promise<void> {
    const parts: { readonly tenant: ModelTenant; readonly records: ShardRecord[] }[] = []
    for (const [shard, tenant] of tenants.entries()) {
      if (tenant === undefined || this.random.chance(0.4)) continue
      const records = Array.from({ length: 1 + this.random.below(3) }, () =>
        this.known.record(shard, tenant),
      )
      parts.push({ tenant, records })
    }
    const batch = parts.map(({ tenant: { opened }, records }) => {
      return { shard: opened.shard, epoch: opened.epoch, records }
    })
    const results = await journal.commit(batch)
    if (this.crashed) return
    for (const [at, result] of results.entries()) {
      assert.equal(result._tag, "Committed", `commit without a fault: ${JSON.stringify(result)}`)
      if (result._tag !== "Committed") continue
      const { tenant, records } = parts[at]
      tenant.placed(records, result.locations)
      this.known.confirm(result.shard)
    }
  }
}

/** Short waits (for another's sign of life) are over at once, periodic work never happens. */
export const impatientClock = (): Clock => {
  const clock = new ManualClock()
  return {
    wallMs: clock.wallMs,
    monotonicMs: clock.monotonicMs,
    defer: clock.defer,
    setTimer: (delayMs, run) => {
      if (delayMs >= limits.aliveEveryMs) return () => {}
      queueMicrotask(() => {
        clock.advance(delayMs)
        run()
      })
      return () => {}
    },
  }
}

export const isOfCrash = (error: unknown): boolean => {
  if (isSkeinError(error) && error._tag === "ShardCorrupt") return false
  return !(error instanceof assert.AssertionError)
}
