import { skeinError } from "@skein/model"
import type { Admin } from "@skein/wire"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { layerAdminDoors, makeDoorAdmin } from "./AdminDoors.js"
import { layerEngine } from "./Engine.js"
import { fixedTable } from "./ShardTable.js"
import { makeTableRunnerStorage } from "./TableRunnerStorage.js"

const address = { host: "127.0.0.1", port: 4117 }
const info = { name: "orders", shard: 17, generation: 1 }
const policy = {
  leaseMs: 30_000,
  dedupWindowMs: 0,
  messagesMax: 10,
  bytesMax: 10,
  bodyBytesMax: 10,
}

const unused = () => Promise.reject(skeinError("InternalError", "not asked in this test"))

const local = (seen: string[]): Admin => ({
  declare: async (name) => ({ ...info, name, policy }),
  delete: unused,
  lookup: async (name) => {
    if (name !== "orders") throw skeinError("QueueNotFound", `there is no queue ${name}`)
    return { ...info, policy }
  },
  list: unused,
  show: unused,
  purge: async (name) => {
    seen.push(name)
    return 3
  },
  peek: unused,
  status: unused,
  cluster: unused,
  drainNode: unused,
  reviveNode: unused,
  planMoves: unused,
  rebalance: unused,
  whyShard: unused,
  moveShard: unused,
  decisions: unused,
  beginBackup: unused,
  readBackup: unused,
  shardLoads: unused,
  restartNode: unused,
  clients: unused,
})

const runtimes: ManagedRuntime.ManagedRuntime<never, never>[] = []
afterEach(async () => {
  for (const runtime of runtimes.splice(0)) await runtime.dispose()
})

const open = async (admin: Admin, isHere = () => false): Promise<Admin> => {
  const engine = layerEngine({
    address,
    table: fixedTable(address, 64),
    local: { isOpen: () => true },
  })
  const layer = layerAdminDoors(admin).pipe(Layer.provideMerge(engine))
  const runtime = ManagedRuntime.make(layer)
  runtimes.push(runtime as never)
  return runtime.runPromise(makeDoorAdmin(admin, { isOpen: isHere }))
}

describe("AdminDoors", () => {
  it("reaches a queue through the door of its shard", async () => {
    const seen: string[] = []
    const admin = await open(local(seen))
    expect(await admin.purge("orders")).toBe(3)
    expect(seen).toEqual(["orders"])
    expect((await admin.declare("orders", { messagesMax: 10 })).shard).toBe(17)
  })

  it("answers a call whose shard is open here without a door", async () => {
    const seen: string[] = []
    const admin = await open(local(seen), () => true)
    const purge = admin.purge("orders")
    // The doors need turns of the engine's fibers; promises alone are enough here.
    for (let step = 0; step < 10 && seen.length === 0; step++) await Promise.resolve()
    expect(seen).toEqual(["orders"])
    expect(await purge).toBe(3)
  })

  it("passes an expected error on as it is", async () => {
    const admin = await open(local([]))
    await expect(admin.purge("invoices")).rejects.toMatchObject({
      _tag: "QueueNotFound",
      detail: "there is no queue invoices",
    })
  })
})

describe("TableRunnerStorage", () => {
  const storage = (open: (shard: number) => boolean) =>
    makeTableRunnerStorage(fixedTable(address, 8), { isOpen: open })

  it("shows one entry a shard, each with a weight of its own", async () => {
    const runners = await Effect.runPromise(storage(() => true).getRunners)
    const weights = runners.map(([runner]) => runner.weight)
    expect(runners.map(([runner]) => runner.groups)).toEqual([
      ["default"],
      ["node-n1"],
      ...Array.from({ length: 8 }, (_, shard) => [`s00${shard}`]),
    ])
    expect(new Set(weights).size).toBe(10)
    expect(weights[0]).toBe(1)
  })

  it("grants what is open here and nothing else, after a short wait", async () => {
    const { acquire, refresh } = storage((shard) => shard === 3)
    const ids = ["s003", "s004", "default"].map((group) => ({ group, id: 1 }) as never)
    const runner = { ...address } as never
    expect(await Effect.runPromise(acquire(runner, ids))).toEqual([ids[0], ids[2]])
    expect(await Effect.runPromise(refresh(runner, ids))).toEqual([ids[0], ids[2]])
  })
})
