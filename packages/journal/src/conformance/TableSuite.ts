/** Owns: what every TableStore and every ManagerToken does: one winner, versions without gaps. */
import { strict as assert } from "node:assert"
import type { ManagerToken } from "../TableStore.js"
import type { Case, ManagerDriver, TableDriver } from "./Suite.js"

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

export const tableSuite: readonly Case<TableDriver>[] = [
  {
    name: "a new fabric has no table; the first one is version 1",
    run: async ({ store }) => {
      const a = await store()
      const b = await store()
      assert.equal(await a.read(), undefined)
      assert.equal(await a.replace(1, Buffer.from("no")), false)
      assert.equal(await a.replace(0, Buffer.from("one")), true)
      assert.equal(await b.replace(0, Buffer.from("late")), false)
      const stored = await b.read()
      assert.equal(stored?.version, 1)
      assert.equal(text(stored?.bytes), "one")
    },
  },
  {
    name: "only who follows the newest version replaces it",
    run: async ({ store }) => {
      const a = await store()
      const b = await store()
      for (let version = 0; version < 10; version++) {
        const [next, other] = version % 2 === 0 ? [a, b] : [b, a]
        assert.equal(await next.replace(version, Buffer.from(`v${version + 1}`)), true)
        assert.equal(await other.replace(version, Buffer.from("lost")), false)
        assert.equal(text((await other.read())?.bytes), `v${version + 1}`)
      }
    },
  },
  {
    name: "of many at the same time one wins, and all read its bytes",
    run: async ({ store }) => {
      const stores = await Promise.all([store(), store(), store(), store()])
      for (let version = 0; version < 20; version++) {
        const tries = stores.map((one, at) => one.replace(version, Buffer.from(`${version}.${at}`)))
        const won = (await Promise.all(tries)).map((ok, at) => (ok ? at : -1))
        const winners = won.filter((at) => at >= 0)
        assert.equal(winners.length, 1, `version ${version}: ${won.join()}`)
        for (const one of stores) {
          const stored = await one.read()
          assert.equal(stored?.version, version + 1)
          assert.equal(text(stored?.bytes), `${version}.${winners[0]}`)
        }
      }
    },
  },
  {
    name: "everybody who listens hears of a replacement, until the listening ends",
    run: async ({ store, pass }) => {
      const a = await store()
      const b = await store()
      let heard = 0
      const end = b.onChange(() => heard++)
      assert.equal(await a.replace(0, Buffer.from("one")), true)
      for (let step = 0; step < 200 && heard === 0; step++) await pass()
      assert.ok(heard > 0)
      end()
      const before = heard
      assert.equal(await a.replace(1, Buffer.from("two")), true)
      for (let step = 0; step < 5; step++) await pass()
      assert.equal(heard, before)
    },
  },
]

const held = (tokens: readonly ManagerToken[], epoch: number): boolean[] =>
  tokens.map((token) => token.holds(epoch))

export const managerSuite: readonly Case<ManagerDriver>[] = [
  {
    name: "nobody is the manager of a new fabric; who claims last is",
    run: async ({ contender }) => {
      const a = await contender()
      const b = await contender()
      assert.equal(await a.token.holder(), undefined)
      const first = await a.token.claim()
      assert.ok(first !== undefined)
      assert.deepEqual(held([a.token, b.token], first), [true, false])
      const second = await b.token.claim()
      assert.ok(second !== undefined && second > first)
      assert.deepEqual(held([a.token, b.token], first), [false, false])
      assert.deepEqual(held([a.token, b.token], second), [false, true])
      assert.deepEqual(await a.token.holder(), { epoch: second, instance: b.instance })
    },
  },
  {
    name: "claims at the same time: distinct epochs, one holder, losers hear undefined",
    run: async ({ contender }) => {
      const all = await Promise.all([contender(), contender(), contender()])
      const won: { readonly epoch: number; readonly by: ManagerToken }[] = []
      for (let round = 0; round < 20; round++) {
        const epochs = await Promise.all(all.map(({ token }) => token.claim()))
        epochs.forEach((epoch, at) => {
          if (epoch !== undefined) won.push({ epoch, by: all[at].token })
        })
      }
      assert.ok(won.length >= 20)
      assert.equal(new Set(won.map(({ epoch }) => epoch)).size, won.length)
      const last = Math.max(...won.map(({ epoch }) => epoch))
      for (const { epoch, by } of won) assert.equal(by.holds(epoch), epoch === last)
    },
  },
]
