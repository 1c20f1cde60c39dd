/** Owns: what every Ownership does: one owner per shard, epochs that only rise. */
import { strict as assert } from "node:assert"
import { isSkeinError } from "@skein/model"
import type { Ownership } from "../Ownership.js"
import type { Case, OwnershipDriver } from "./Suite.js"

export const ownershipSuite: readonly Case<OwnershipDriver>[] = [
  {
    name: "a new shard has no holder and no predecessor",
    run: async ({ contender }) => {
      const a = await contender()
      assert.equal(await a.holder(1), undefined)
      const claim = await a.claim(1)
      assert.equal(claim.predecessor, undefined)
      assert.ok(claim.epoch >= 1)
      assert.equal(a.holds(1, claim.epoch), true)
      assert.deepEqual(await a.holder(1), { epoch: claim.epoch, instance: a.instance })
      assert.equal(await a.holder(0), undefined)
    },
  },
  {
    name: "who claims later has it; the former owner sees that at once",
    run: async ({ contender }) => {
      const a = await contender()
      const b = await contender()
      const first = await a.claim(0)
      const second = await b.claim(0)
      assert.ok(second.epoch > first.epoch)
      assert.deepEqual(second.predecessor, { epoch: first.epoch, instance: a.instance })
      assert.equal(a.holds(0, first.epoch), false)
      assert.equal(a.holds(0, second.epoch), false)
      assert.equal(b.holds(0, second.epoch), true)
    },
  },
  {
    name: "the owner itself gets a new epoch with every claim",
    run: async ({ contender }) => {
      const a = await contender()
      const first = await a.claim(0)
      const second = await a.claim(0)
      assert.ok(second.epoch > first.epoch)
      assert.equal(a.holds(0, first.epoch), false)
      assert.equal(a.holds(0, second.epoch), true)
      assert.deepEqual(second.predecessor, { epoch: first.epoch, instance: a.instance })
    },
  },
  {
    name: "claims at the same time: distinct epochs, one owner, losers hear Moved",
    run: async ({ contender }) => {
      const all = await Promise.all([contender(), contender(), contender(), contender()])
      const won: { readonly epoch: number; readonly by: Ownership }[] = []
      for (let round = 0; round < 25; round++) {
        const tries = await Promise.allSettled(all.map((one) => one.claim(2)))
        tries.forEach((tried, at) => {
          if (tried.status === "fulfilled") won.push({ epoch: tried.value.epoch, by: all[at] })
          else assert.ok(isSkeinError(tried.reason) && tried.reason._tag === "Moved", tried.reason)
        })
      }
      assert.ok(won.length >= 25)
      assert.equal(new Set(won.map(({ epoch }) => epoch)).size, won.length)
      const last = won.reduce((a, b) => (a.epoch > b.epoch ? a : b))
      for (const { epoch, by } of won) assert.equal(by.holds(2, epoch), epoch === last.epoch)
    },
  },
]
