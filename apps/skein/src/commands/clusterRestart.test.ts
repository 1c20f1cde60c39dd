/** `skein cluster restart` against answers of a fabric of three. */
import { skeinError } from "@skein/model"
import type { Admin, ClusterNode, ClusterStatus } from "@skein/wire"
import { expect, it } from "vitest"
import { exitCodes } from "../exitCodes.js"
import { RunningSkein } from "../testing/RunningSkein.js"

/** Nodes that drain, restart and get their shards back at once; calls are noted. */
const fabric = (change: Partial<Admin> = {}) => {
  const calls: string[] = []
  const homes: Record<string, readonly number[]> = { n1: [0, 1], n2: [2, 3], n3: [4] }
  const node = (name: string): ClusterNode => ({
    ...{ node: name, instance: `${name}#1`, address: "a", pid: 7 },
    ...{ state: "serving", shards: homes[name] },
  })
  let nodes: ClusterNode[] = ["n1", "n2", "n3"].map(node)
  let moved = 0
  const see = (name: string, seen: Partial<ClusterNode>): void => {
    nodes = nodes.map((each) => (each.node === name ? { ...each, ...seen } : each))
  }
  const status = (): ClusterStatus => ({
    ...{ fabricId: "f", node: "n1", nodes, manager: "n1", tableVersion: 3, shards: 5 },
    ...{ unplaced: [], decisions: [], problems: [] },
  })
  const load = { bytesPerSecond: 0, messagesPerSecond: 0, depth: 0, busy: 0, confirmP99Ms: 0 }
  const facts = { event: "MoveEnded", atMs: 0, what: "", reason: "", outcome: "done" }
  const admin: Partial<Admin> = {
    cluster: async () => status(),
    shardLoads: async () => ({
      loads: [0, 1, 2, 3, 4].map((shard) => ({ node: "n1", shard, ...load })),
      silent: [],
    }),
    planMoves: async () => ({ moves: [], spread: { before: 1, after: 1 } }),
    decisions: async ({ after = 0 } = {}) => ({
      log: "a",
      decisions: Array.from({ length: moved - after }, (_, at) => ({
        ...{ number: after + at + 1, ...facts },
      })),
      last: moved,
    }),
    drainNode: async (name) => {
      calls.push(`drain ${name}`)
      moved += homes[name].length
      see(name, { state: "draining", shards: [] })
    },
    restartNode: async (name, instance) => {
      calls.push(`restart ${name} ${instance}`)
      see(name, { instance: `${name}#2` })
    },
    reviveNode: async (name) => {
      calls.push(`revive ${name}`)
      moved += homes[name].length
      see(name, { state: "serving", shards: homes[name] })
    },
    ...change,
  }
  return { calls, see, open: () => RunningSkein.open(admin) }
}

const oneAfterTheOther = (...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => [`drain ${name}`, `restart ${name} ${name}#1`, `revive ${name}`])

it("C6: restarts one node after the other, the manager's last, and counts the moves", async () => {
  const { calls, open } = fabric()
  const running = await open()
  const { code, out, err } = await running.run(["cluster", "restart", "--yes"])
  expect([code, err.includes("n2: 2 shards go to the others")]).toEqual([0, true])
  expect(calls).toEqual(oneAfterTheOther("n2", "n3", "n1"))
  expect(out).toMatch(/n1 +2 .*\n\nmoves of shards {2}10\n$/s)
})

it("C6: restarts only those that are named", async () => {
  const { calls, open } = fabric()
  const done = await (await open()).json("cluster", "restart", "n3", "--yes")
  expect(done).toMatchObject({ nodes: [{ node: "n3", shards: 1 }], moves: 2 })
  expect(calls).toEqual(oneAfterTheOther("n3"))
  const unknown = await (await open()).run(["cluster", "restart", "n9", "--yes"])
  expect(unknown.code).toBe(exitCodes.notFound)
})

it("C6: touches nothing while a node is missing, and says which", async () => {
  const { calls, see, open } = fabric()
  see("n2", { state: "silent" })
  let nowMs = 0
  const clock = () => {
    nowMs += 5_000
    return nowMs
  }
  const { code, out } = await (await open()).run(["cluster", "restart", "-y"], { nowMs: clock })
  expect([code, calls]).toEqual([exitCodes.unhealthy, []])
  expect(out).toContain("n2 is silent")
})

it("C6: a node that nobody would start again is revived and not restarted", async () => {
  const restartNode = async () => {
    throw skeinError("RestartRefused", "nobody watches over n2")
  }
  const { calls, open } = fabric({ restartNode })
  const { code, err } = await (await open()).run(["cluster", "restart", "--yes"])
  expect([code, err.includes("nobody watches over n2")]).toEqual([exitCodes.failed, true])
  expect(calls).toEqual(["drain n2", "revive n2"])
})
