/**
 * Owns: what a simulated run knows of its shards: texts that were confirmed, texts whose fate is
 * unknown, the bodies that frames must have; and the check of what a recovery has found.
 */
import { strict as assert } from "node:assert"
import { type ModelTenant, modelRecord, SeededRandom, type ShardRecord } from "@skein/journal"

interface Known {
  confirmed: string[]
  unknown: string[]
  next: number
}

export const bodyOf = (shard: number, first: number): Uint8Array => {
  const random = new SeededRandom(shard * 1_000_003 + first)
  return random.bytes(random.below(6) === 0 ? 3000 + random.below(4000) : random.below(300))
}

export class KnownShards {
  readonly #known: Known[]
  confirmed = 0
  adopted = 0

  constructor(
    readonly shards: number,
    readonly random: SeededRandom,
  ) {
    this.#known = Array.from({ length: shards }, () => ({ confirmed: [], unknown: [], next: 1 }))
  }

  /** A random record, which the tenant has taken in and whose fate is unknown. */
  record(shard: number, tenant: ModelTenant): ShardRecord {
    const known = this.#known[shard]
    const number = known.next++
    const text = `${shard}-${number}`
    known.unknown.push(text)
    const frames = Array.from({ length: this.random.below(3) }, (_, at) => {
      const first = number * 10 + at
      return [1, first, bodyOf(shard, first)] as const
    })
    const drop = [...tenant.frames.values()]
      .filter(() => this.random.chance(0.3))
      .map(({ generation, first }) => [generation, first] as const)
    const record = modelRecord(text, frames, drop)
    tenant.evolve(record)
    return record
  }

  /** All that was unknown has been committed. */
  confirm(shard: number): void {
    const known = this.#known[shard]
    known.confirmed.push(...known.unknown)
    this.confirmed += known.unknown.length
    known.unknown = []
  }

  /** Everything confirmed is there, and beyond it nothing but what was under way. */
  checkHistory(shard: number, history: string): void {
    const known = this.#known[shard]
    const texts = history.split(";").slice(0, -1)
    const expected = [...known.confirmed, ...known.unknown]
    assert.ok(texts.length >= known.confirmed.length, `lost: ${texts.length} of ${expected.length}`)
    assert.deepEqual(texts, expected.slice(0, texts.length), "texts and their order")
    this.adopted += texts.length - known.confirmed.length
    known.confirmed = texts
    known.unknown = []
  }

  async checkBodies(shard: number, tenant: ModelTenant): Promise<void> {
    for (const [key, bytes] of await tenant.readAll()) {
      const first = Number(key.split("/")[1])
      assert.deepEqual(Buffer.from(bytes), Buffer.from(bodyOf(shard, first)), `frame ${key}`)
    }
  }
}
