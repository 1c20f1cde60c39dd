/** What a node does about the table at one moment. */
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import {
  lostShards,
  type ManagerInput,
  type ManagerState,
  managerStep,
  moveEnded,
  newManager,
} from "./ManagerMachine.js"
import { leastLoaded } from "./Policy.js"
import { assigned, emptyTable, withMoving } from "./ShardTable.js"
import { lateMs, nodeOf, tableOf, viewOf, worlds } from "./testing/World.js"
import { whyShard } from "./whyShard.js"

const three = [nodeOf("n1"), nodeOf("n2"), nodeOf("n3")]
const even = tableOf(["n1", "n2", "n3", "n1", "n2", "n3"])

const inputOf = (more: Partial<ManagerInput> = {}): ManagerInput => ({
  self: "n1",
  view: viewOf(three),
  table: even,
  holdsToken: true,
  holder: "n1#1",
  canMove: true,
  underWay: new Set(),
  ...more,
})
const step = (input: ManagerInput, state: ManagerState = newManager) =>
  managerStep(leastLoaded, state, input)

describe("who is not the manager", () => {
  const silent = [nodeOf("n1", { state: "silent" }), nodeOf("n2"), nodeOf("n3")]
  const watching = (self: string, nowMs: number, state?: ManagerState) =>
    step(inputOf({ self, holdsToken: false, view: viewOf(silent, [], nowMs) }), state)

  it("does nothing while it lives", () => {
    const { output } = step(inputOf({ self: "n2", holdsToken: false }))
    expect(output).toEqual({ _tag: "Nothing", because: "n1 is the manager" })
  })

  it("claims at once if it is first by name of the living, else in its turn", () => {
    expect(watching("n2", 100).output._tag).toBe("Claim")
    const third = watching("n3", 100)
    expect(third.output._tag).toBe("Nothing")
    expect(watching("n3", 199, third.state).output._tag).toBe("Nothing")
    expect(watching("n3", 200, third.state).output._tag).toBe("Claim")
  })

  it("counts its turn from the last silence only", () => {
    const third = watching("n3", 100)
    const alive = step(inputOf({ self: "n3", holdsToken: false }), third.state)
    expect(watching("n3", 500, alive.state).output._tag).toBe("Nothing")
  })

  it("never claims while it leaves; one that starts claims only if nobody serves", () => {
    const claims = (states: readonly ("joining" | "leaving" | "serving")[]) =>
      step(
        inputOf({
          holder: undefined,
          holdsToken: false,
          view: viewOf(states.map((state, at) => nodeOf(`n${at + 1}`, { state }))),
        }),
      ).output._tag
    expect(claims(["leaving"])).toBe("Nothing")
    expect(claims(["joining", "serving"])).toBe("Nothing")
    expect(claims(["joining", "leaving"])).toBe("Claim")
  })

  it("whose process was replaced by one of the same name is gone too", () => {
    const again = [nodeOf("n1", { instance: "n1#2" }), nodeOf("n2")]
    const { output } = step(inputOf({ holdsToken: false, view: viewOf(again) }))
    expect(output).toEqual({ _tag: "Claim", because: "the manager is silent or gone" })
  })
})

describe("the manager", () => {
  it("gives all shards of a silent node away in one replacement, and keeps their home", () => {
    const nodes = [nodeOf("n1"), nodeOf("n2", { state: "silent", stateSinceMs: lateMs }), three[2]]
    const { output } = step(inputOf({ view: viewOf(nodes) }))
    if (output._tag !== "Replace") throw new Error(output._tag)
    expect(output.table).toMatchObject({ version: 2, owners: ["n1", "n1", "n3", "n1", "n3", "n3"] })
    expect(output.table.notes?.[1]).toMatchObject({ home: "n2" })
    const why = whyShard(viewOf(nodes), output.table, 1)
    expect(why[0]).toBe("s001 is on n1 (table 2).")
    expect(why.join(" ")).toContain("n2, which had it, is silent since 0 ms")
    expect(why.join(" ")).toContain("Its home is n2")
  })

  it("a node that starts again keeps the shards of its name, but not for ever", () => {
    const again = (forMs: number) =>
      viewOf([nodeOf("n1"), nodeOf("n2", { state: "joining", stateSinceMs: lateMs - forMs })])
    const table = tableOf(["n1", "n2"])
    expect(lostShards(again(1_000), table)).toEqual([])
    expect(lostShards(again(3_000), table)).toEqual([1])
    expect(lostShards(again(3_000), tableOf(["n1", "stranger"]))).toEqual([1])
  })

  it("the first table of all waits for nodes that are starting, for a second", () => {
    const view = (nowMs: number) =>
      viewOf([nodeOf("n1"), nodeOf("n2", { state: "joining" })], [], nowMs)
    const first = step(inputOf({ table: emptyTable(4), view: view(0) }))
    expect(first.output).toEqual({ _tag: "Nothing", because: "other nodes are starting" })
    const later = (ms: number) =>
      step(inputOf({ table: emptyTable(4), view: view(ms) }), first.state).output._tag
    expect([later(900), later(1_000)]).toEqual(["Nothing", "Replace"])
  })

  it("settles moves that it does not carry out, and begins none beside those it does", () => {
    const moving = withMoving(even, [{ shard: 1, to: "n1" }])
    expect(step(inputOf({ table: moving })).output).toEqual({ _tag: "Settle", shards: [1] })
    const busy = step(inputOf({ table: moving, underWay: new Set([1]) })).output
    expect(busy).toEqual({ _tag: "Nothing", because: "moves are under way" })
  })

  it("gives lost shards away also while moves are under way", () => {
    const nodes = [nodeOf("n1"), nodeOf("n2"), nodeOf("n3", { state: "silent" })]
    const moving = withMoving(even, [
      { shard: 1, to: "n3" },
      { shard: 2, to: "n1" },
    ])
    const input = inputOf({ table: moving, underWay: new Set([1, 2]), view: viewOf(nodes) })
    const { output } = step(input)
    if (output._tag !== "Replace") throw new Error(output._tag)
    expect(output.table.moving).toEqual([{ shard: 1, to: "n3" }])
    expect(output.table.owners).not.toContain("n3")
  })

  it("plans once a round, and only with somebody who moves", () => {
    const table = tableOf(["n1", "n1", "n1", "n1", "n1", "n1"])
    expect(step(inputOf({ table, canMove: false })).output._tag).toBe("Nothing")
    const begun = step(inputOf({ table }))
    if (begun.output._tag !== "Move") throw new Error(begun.output._tag)
    expect(begun.output.plan.moves).toHaveLength(4)
    expect(begun.output.before[0]?.spread).toBe(begun.output.plan.spread.before)
    const soon = inputOf({ table, view: viewOf(three, [], lateMs + 999) })
    expect(step(soon, begun.state).output._tag).toBe("Nothing")
  })

  it("takes a move back that made the spread worse", () => {
    const works = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    const before = { spread: 1, p99Ms: 3, messagesPerSecond: 240_000, nodes: ["n1", "n2", "n3"] }
    const move = { shard: 0, from: "n1", to: "n3", reason: "r", kind: "balance" } as const
    const after = assigned(even, [move], false)
    const state = moveEnded(newManager, move, "done", before, lateMs)
    const soon = step(inputOf({ table: after, view: viewOf(three, works, lateMs + 7_000) }), state)
    expect(soon.state.watched).toHaveLength(1)
    const due = inputOf({ table: after, view: viewOf(three, works, lateMs + 8_000) })
    const { output, state: next } = step(due, state)
    if (output._tag !== "Move") throw new Error(output._tag)
    expect(output.plan.moves).toMatchObject([{ shard: 0, from: "n3", to: "n1", kind: "undo" }])
    expect(output.plan.spread.after).toBeLessThan(output.plan.spread.before)
    expect(next.watched).toEqual([])
  })

  it("any world: after one replacement every shard has a living owner, and nothing is lost", () => {
    fc.assert(
      fc.property(worlds(fc, true), fc.nat(6), ({ view, table }, silent) => {
        const nodes = view.nodes.map((node, at) =>
          at > 0 && at <= silent ? { ...node, state: "silent" as const } : node,
        )
        const input = inputOf({ view: { ...view, nodes }, table })
        const { output, state } = step(input)
        const lost = lostShards({ ...view, nodes }, table)
        if (lost.length === 0) return
        if (output._tag !== "Replace") throw new Error(output._tag)
        expect(lostShards({ ...view, nodes }, output.table)).toEqual([])
        expect(output.table.version).toBe(table.version + 1)
        // Shards with a living owner are not touched by a takeover.
        table.owners.forEach((owner, shard) => {
          if (!lost.includes(shard)) expect(output.table.owners[shard]).toBe(owner)
        })
        const again = step({ ...input, table: output.table }, state).output._tag
        expect(["Nothing", "Move"]).toContain(again)
      }),
    )
  })
})

describe("a shard that its node gave up", () => {
  const nodes = [nodeOf("n1"), nodeOf("n2", { givenUp: [1, 2] }), nodeOf("n3")]

  it("is placed elsewhere, with its reason, and does not go back for a while", () => {
    const first = step(inputOf({ view: viewOf(nodes) }))
    if (first.output._tag !== "Replace") throw new Error(first.output._tag)
    const { table, because } = first.output
    expect(because).toBe("1 shards failed too often where they were")
    expect(table.owners[1]).not.toBe("n2")
    // The table gave it s001 and s004; s002 is another node's.
    expect([table.owners[2], table.owners[4]]).toEqual(["n3", "n2"])
    expect(table.notes?.[1]?.reason).toContain("it failed too often on n2")
    expect(table.notes?.[1]?.home).toBeUndefined()
    const soon = viewOf([nodeOf("n1"), nodeOf("n2"), nodeOf("n3")], [], lateMs + 120_000)
    const { output } = step(inputOf({ view: soon, table }), first.state)
    const moves = output._tag === "Move" ? output.plan.moves : []
    expect(moves.filter(({ shard, to }) => shard === 1 && to === "n2")).toEqual([])
  })

  it("stays when no other node may have it", () => {
    const alone = [nodeOf("n1", { state: "leaving" }), nodeOf("n2", { givenUp: [1] })]
    const table = tableOf(["n2", "n2"])
    const { output } = step(inputOf({ view: viewOf(alone), table }))
    expect(output._tag).not.toBe("Replace")
  })
})
