/** Calls from node to node by name, over real loopback connections. */
import { isSkeinError } from "@skein/model"
import { afterEach, describe, expect, it } from "vitest"
import { TestFabric } from "./testing/TestFabric.js"

const fabrics: TestFabric[] = []
afterEach(async () => {
  for (const fabric of fabrics.splice(0)) await fabric.stop()
})

const threeNodes = async (withinMs?: number) => {
  const fabric = new TestFabric(4)
  fabrics.push(fabric)
  const options = withinMs === undefined ? {} : { withinMs }
  const n1 = await fabric.add("n1", { shards: [0, 1], ...options })
  const n2 = await fabric.add("n2", { shards: [2, 3], ...options })
  const n3 = await fabric.add("n3", options)
  return { fabric, n1, n2, n3 }
}

const errorOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!isSkeinError(error)) throw new Error(`no SkeinError: ${error}`)
  return error
}

const load = {
  shard: 2,
  ...{ bytesPerSecond: 1.5, messagesPerSecond: 2.5, depth: 3, busy: 0.25, confirmP99Ms: 4.5 },
}

describe("calls to a node by its name", () => {
  it("reach the node, with or without shards, and this node itself", async () => {
    const { n1, n2, n3 } = await threeNodes()
    n2.loads = [load]
    n3.loads = [{ ...load, shard: 3 }]
    expect(await n1.nodes.at("n2").loads()).toEqual([load])
    expect(await n1.nodes.at("n3").loads()).toEqual([{ ...load, shard: 3 }])
    expect(await n3.nodes.at("n1").loads()).toEqual([])
    expect(await n2.nodes.at("n2").loads()).toEqual([load])
    expect(n1.nodes.living()).toEqual(["n1", "n2", "n3"])
  })

  it("carry messages of a move: plain maps with bytes in them, errors come back", async () => {
    const { n1, n2 } = await threeNodes()
    const message = { kind: "invite", shard: 3, at: [1, { b: true }], proof: Uint8Array.of(1, 2) }
    await n1.nodes.moveMessage("n2", message)
    expect(n2.messages).toHaveLength(1)
    expect(n2.messages[0]).toMatchObject({ from: "n1", message: { kind: "invite", shard: 3 } })
    expect([...(n2.messages[0].message.proof as Uint8Array)]).toEqual([1, 2])
    expect(await errorOf(n1.nodes.moveMessage("n2", { kind: "refused" }))).toMatchObject({
      _tag: "MoveRefused",
      data: { shard: 3 },
    })
  })

  it("to a node that is not there: NodeUnknown at once", async () => {
    const { fabric, n1, n2 } = await threeNodes()
    expect((await errorOf(n1.nodes.at("n9").loads()))._tag).toBe("NodeUnknown")
    n2.silent = true
    fabric.changed()
    expect((await errorOf(n1.nodes.at("n2").loads()))._tag).toBe("NodeUnknown")
    expect(n1.nodes.living()).toEqual(["n1", "n3"])
  })

  it("end when the node gives no answer in time", async () => {
    const { n1, n3 } = await threeNodes(300)
    n3.gate = new Promise(() => {})
    expect((await errorOf(n1.nodes.at("n3").loads()))._tag).toBe("TimedOut")
  })

  it("end when the node goes", async () => {
    const { fabric, n1, n2 } = await threeNodes()
    n2.gate = new Promise(() => {})
    const call = errorOf(n1.nodes.at("n2").loads())
    n2.silent = true
    fabric.changed()
    expect((await call).detail).toContain("n2 went away")
  })

  it("reach the new process of a name at its new address", async () => {
    const { fabric, n1, n2 } = await threeNodes()
    await n1.nodes.moveMessage("n2", { kind: "first" })
    n2.silent = true
    await n2.stop()
    fabric.nodes.splice(fabric.nodes.indexOf(n2), 1)
    fabric.changed()
    const again = await fabric.add("n2")
    await n1.nodes.moveMessage("n2", { kind: "second" })
    expect(again.messages.map(({ message }) => message.kind)).toEqual(["second"])
  })
})

describe("calls to the manager", () => {
  it("go from any node to it, and its errors keep their tags", async () => {
    const { fabric, n1, n2, n3 } = await threeNodes()
    fabric.manager = "n2"
    await n1.admin.drainNode("n3")
    await n3.admin.reviveNode("n3")
    expect((await n1.admin.planMoves()).moves).toHaveLength(1)
    expect((await n2.admin.rebalance()).spread).toEqual({ before: 2, after: 1.5 })
    expect(await n3.admin.whyShard(2)).toEqual(["2 is where it is"])
    expect(await n3.admin.decisions({ after: 6 })).toEqual({ log: "n2", decisions: [], last: 7 })
    expect(n2.calls).toEqual(["drain n3", "revive n3", "plan", "rebalance", "why 2", "decisions 6"])
    expect(await errorOf(n1.admin.moveShard(2, "n3"))).toMatchObject({
      _tag: "MoveRefused",
      detail: "n3 is drained",
    })
  })

  it("wait for the next one while there is none", async () => {
    const { fabric, n1, n3 } = await threeNodes()
    const why = n1.admin.whyShard(1)
    fabric.manager = "n3"
    expect(await why).toEqual(["1 is where it is"])
    expect(n3.calls).toEqual(["why 1"])
  })

  it("go to the next one when it dies over a call that may be repeated", async () => {
    const { fabric, n1, n2, n3 } = await threeNodes()
    fabric.manager = "n2"
    n2.gate = new Promise(() => {})
    const drained = n1.admin.drainNode("n2")
    while (n2.calls.length === 0) await new Promise((resume) => setImmediate(resume))
    fabric.manager = "n3"
    n2.silent = true
    fabric.changed()
    await drained
    expect(n3.calls).toEqual(["drain n2"])
  })
})

describe("who is connected", () => {
  it("to one node or to all; nodes without an answer are named", async () => {
    const { fabric, n1, n2, n3 } = await threeNodes()
    const one = await n1.admin.clients("n2")
    expect(one.clients).toMatchObject([{ node: "n2", publishes: [{ shard: 3, requests: 2 }] }])
    const all = await n3.admin.clients()
    expect(all.clients.map(({ node }) => node).sort()).toEqual(["n1", "n2", "n3"])
    expect((await errorOf(n1.admin.clients("n9")))._tag).toBe("NodeUnknown")
    n2.gate = new Promise(() => {})
    const asked = n2.calls.length
    const asking = n1.admin.clients()
    while (n2.calls.length === asked) await new Promise((resume) => setImmediate(resume))
    n2.silent = true
    fabric.changed()
    const { clients, silent } = await asking
    expect([clients.map(({ node }) => node).sort(), silent]).toEqual([["n1", "n3"], ["n2"]])
  })
})
