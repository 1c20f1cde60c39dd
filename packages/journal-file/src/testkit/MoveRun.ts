/**
 * Owns: one seeded run of two file journals on one simulated disk that hand shards to each other:
 * commits and cleaning at both, planned moves, takeovers, the death of giver or target at a random
 * operation of a move, power cuts at any operation. After each opening: every confirmed record is
 * there, exactly and in order, and every wanted frame has its bytes.
 */
import { strict as assert } from "node:assert"
import { type FollowedShard, ModelTenant, SeededRandom, SimulatedDisk } from "@skein/journal"
import { type Epoch, isSkeinError } from "@skein/model"
import type { FileJournal } from "../FileJournal.js"
import { openFileJournal } from "../openFileJournal.js"
import { impatientClock, isOfCrash } from "./CrashRun.js"
import { KnownShards } from "./KnownShards.js"
import { MortalDisk } from "./MortalDisk.js"

export interface MoveRunResult {
  readonly confirmed: number
  readonly crashes: number
  /** Processes that died alone. */
  readonly deaths: number
  readonly moves: number
  /** Moves whose follower was too slow or had no one to follow. */
  readonly putOff: number
  readonly operations: number
}

interface Process {
  readonly mortal: MortalDisk
  readonly journal: FileJournal
}

const shardCount = 3
const lives = 3

export const moveRun = async (seed: number): Promise<MoveRunResult> => {
  try {
    return await new MoveRun(seed).run()
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
  }
}

class MoveRun {
  readonly random: SeededRandom
  readonly disk: SimulatedDisk
  readonly known: KnownShards
  readonly processes: Process[] = []
  readonly owners: number[] = []
  readonly tenants: (ModelTenant | undefined)[] = []
  readonly cleaning: Promise<void>[] = []
  crashed = false
  crashes = 0
  deaths = 0
  moves = 0
  putOff = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.disk = new SimulatedDisk({ random: this.random.fork() })
    this.known = new KnownShards(shardCount, this.random)
  }

  async run(): Promise<MoveRunResult> {
    for (let life = 1; life <= lives; life++) {
      this.#armCrash(life === lives ? undefined : this.disk.operationCount + this.#span())
      try {
        await this.#live()
      } catch (error) {
        if (!this.crashed || !isOfCrash(error)) throw error
      }
      await Promise.all(this.cleaning.splice(0))
      if (this.crashed) this.crashes++
      else this.disk.crash()
    }
    const { crashes, deaths, moves, putOff } = this
    const { confirmed } = this.known
    return { confirmed, crashes, deaths, moves, putOff, operations: this.disk.operationCount }
  }

  #span(): number {
    return this.random.below(this.random.chance(0.2) ? 150 : 1500)
  }

  #armCrash(at: number | undefined): void {
    this.crashed = false
    this.disk.fault = ({ number }) => {
      if (at === undefined || number < at || this.crashed) return undefined
      this.crashed = true
      return "crash"
    }
  }

  async #live(): Promise<void> {
    for (const at of [0, 1]) this.processes[at] = await this.#start()
    for (let shard = 0; shard < shardCount; shard++) await this.#open(shard, this.random.below(2))
    const steps = 5 + this.random.below(25)
    for (let step = 0; step < steps && !this.crashed; step++) {
      const dice = this.random.below(10)
      const shard = this.random.below(shardCount)
      if (dice === 0) await this.#open(shard, this.random.below(2))
      else if (dice === 1) await this.#clean(this.random.below(2))
      else if (dice <= 4) await this.#move(shard)
      else await this.#commit(this.random.below(2))
    }
  }

  async #start(): Promise<Process> {
    const mortal = new MortalDisk(this.disk.process())
    const journal = await openFileJournal({
      dir: "/data",
      disk: mortal.disk,
      clock: impatientClock(),
      random: this.random,
      shards: shardCount,
      shared: true,
      segmentBytes: 16 * 1024,
      uncleanedBytesMax: 48 * 1024,
      cacheBytesMax: 8 * 1024,
      processRuns: () => false,
    })
    return { mortal, journal }
  }

  /** Opens the shard at that process, whoever had it, and checks what it recovered. */
  async #open(shard: number, at: number): Promise<void> {
    const opened = await this.processes[at].journal.openShard(shard)
    this.tenants[shard] = undefined
    const tenant = await ModelTenant.open(opened)
    await this.#serve(shard, at, tenant)
  }

  async #serve(shard: number, at: number, tenant: ModelTenant): Promise<void> {
    if (this.crashed) return
    this.known.checkHistory(shard, tenant.history)
    await this.known.checkBodies(shard, tenant)
    this.tenants[shard] = tenant
    this.owners[shard] = at
  }

  async #clean(at: number): Promise<void> {
    const { journal, mortal } = this.processes[at]
    const pass = journal.clean().catch((error: unknown) => {
      if (!this.crashed && !mortal.dead) throw error
    })
    this.cleaning.push(pass)
    if (this.random.chance(0.5)) await pass
  }

  async #commit(at: number): Promise<void> {
    const { journal, mortal } = this.processes[at]
    const parts = this.tenants.flatMap((tenant, shard) => {
      if (tenant === undefined || this.owners[shard] !== at || this.random.chance(0.3)) return []
      const count = 1 + this.random.below(3)
      const records = Array.from({ length: count }, () => this.known.record(shard, tenant))
      return [{ tenant, records }]
    })
    const results = await journal.commit(
      parts.map(({ tenant: { opened }, records }) => {
        return { shard: opened.shard, epoch: opened.epoch, records }
      }),
    )
    if (this.crashed || mortal.dead) return
    for (const [index, result] of results.entries()) {
      assert.equal(result._tag, "Committed", `commit without a fault: ${JSON.stringify(result)}`)
      if (result._tag !== "Committed") continue
      parts[index].tenant.placed(parts[index].records, result.locations)
      this.known.confirm(result.shard)
    }
  }

  async #move(shard: number): Promise<void> {
    const from = this.owners[shard]
    const to = 1 - from
    if (this.random.chance(0.4)) {
      this.processes[this.random.below(2)].mortal.dieAfter(this.random.below(80))
    }
    const outcome = await this.#tryMove(shard, from, to)
    if (this.crashed) return
    if (outcome === "moved") this.moves++
    if (outcome === "put off") this.putOff++
    const dead = this.processes.findIndex(({ mortal }) => mortal.dead)
    if (dead !== -1) return this.#bury(dead)
    for (const { mortal } of this.processes) mortal.dieAfter(Number.POSITIVE_INFINITY)
    if (outcome !== "moved") await this.#open(shard, to)
  }

  async #tryMove(shard: number, from: number, to: number): Promise<"moved" | "put off" | "died"> {
    const { journal: target } = this.processes[to]
    let followed: FollowedShard | undefined
    try {
      followed = await target.follow(shard)
      const next = await ModelTenant.follow(followed)
      while (this.random.chance(0.7)) {
        const dice = this.random.below(4)
        if (dice === 0) await this.#clean(from)
        else if (dice === 1) await next.catchUp(followed)
        else await this.#commit(from)
      }
      const old = this.tenants[shard]
      if (this.#isOver || old === undefined) return "died"
      const epoch: Epoch = await old.opened.handTo(target.instance)
      await next.openFollowed(followed, epoch)
      await this.#serve(shard, to, next)
      return this.#isOver ? "died" : "moved"
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      if (isSkeinError(error) && error._tag === "ShardCorrupt") throw error
      if (this.#isOver) return "died"
      if (isSkeinError(error) && error._tag === "ShardUnavailable") return "put off"
      throw error
    } finally {
      await followed?.close().catch(() => {})
    }
  }

  get #isOver(): boolean {
    return this.crashed || this.processes.some(({ mortal }) => mortal.dead)
  }

  /** The survivor takes what the dead one had, and a new process comes. */
  async #bury(dead: number): Promise<void> {
    this.deaths++
    const survivor = this.processes[1 - dead].mortal
    survivor.dieAfter(Number.POSITIVE_INFINITY)
    for (let shard = 0; shard < shardCount; shard++) await this.#open(shard, 1 - dead)
    this.processes[dead] = await this.#start()
  }
}
