/** Owns: what every Membership does: nodes see each other, changes, silence and the end. */
import { strict as assert } from "node:assert"
import type { Membership, SeenNode } from "../Membership.js"
import type { Case, Member, MembershipDriver } from "./Suite.js"

const seen = (by: Membership, of: Member): SeenNode | undefined =>
  by.nodes().find(({ instance }) => instance === of.membership.self)

/** Waits for what `by` sees of `of`; the driver's time goes by meanwhile. */
const until = async (
  driver: MembershipDriver,
  by: Member,
  of: Member,
  what: (node: SeenNode | undefined) => boolean,
): Promise<void> => {
  for (let step = 0; step < 1000; step++) {
    if (what(seen(by.membership, of))) return
    await driver.pass()
  }
  assert.fail(`never: ${JSON.stringify(seen(by.membership, of))}`)
}

const serves = (node: SeenNode | undefined): boolean => node !== undefined && !node.silent

export const membershipSuite: readonly Case<MembershipDriver>[] = [
  {
    name: "a node sees itself, and others with what they say of themselves",
    run: async (driver) => {
      const a = await driver.join("a")
      assert.equal(seen(a.membership, a)?.node, "a")
      assert.equal(seen(a.membership, a)?.silent, false)
      const b = await driver.join("b")
      await until(driver, a, b, serves)
      await until(driver, b, a, serves)
      const note = seen(a.membership, b)
      assert.equal(note?.node, "b")
      assert.equal(note?.dead, false)
      assert.equal(note?.instance, b.membership.self)
    },
  },
  {
    name: "what a node tells reaches the others, and their listeners",
    run: async (driver) => {
      const a = await driver.join("a")
      const b = await driver.join("b")
      await until(driver, a, b, serves)
      let calls = 0
      const end = a.membership.onChange(() => calls++)
      await b.membership.tell({ address: "127.0.0.1:7", state: "leaving" })
      await until(driver, a, b, (node) => node?.address === "127.0.0.1:7")
      assert.equal(seen(a.membership, b)?.state, "leaving")
      assert.ok(calls > 0)
      await b.membership.tell({ givenUp: [3, 17] })
      await until(driver, a, b, (node) => node?.givenUp?.join() === "3,17")
      await b.membership.tell({ givenUp: [] })
      await until(driver, a, b, (node) => (node?.givenUp ?? []).length === 0)
      end()
      const before = calls
      await b.membership.tell({ address: "127.0.0.1:8" })
      await until(driver, a, b, (node) => node?.address === "127.0.0.1:8")
      assert.equal(calls, before)
    },
  },
  {
    name: "a paused node is silent and not dead, and back when it goes on",
    run: async (driver) => {
      const a = await driver.join("a")
      const b = await driver.join("b")
      await until(driver, a, b, serves)
      await b.pause()
      await until(driver, a, b, (node) => node?.silent === true)
      assert.equal(seen(a.membership, b)?.dead, false)
      await b.resume()
      await until(driver, a, b, serves)
    },
  },
  {
    name: "a killed node is silent and dead",
    run: async (driver) => {
      const a = await driver.join("a")
      const b = await driver.join("b")
      await until(driver, a, b, serves)
      await b.kill()
      await until(driver, a, b, (node) => node?.silent === true && node.dead)
    },
  },
  {
    name: "a node that leaves is seen no more, or as silent",
    run: async (driver) => {
      const a = await driver.join("a")
      const b = await driver.join("b")
      await until(driver, a, b, serves)
      await b.leave()
      await until(driver, a, b, (node) => node === undefined || node.silent)
    },
  },
]
