/** The cluster commands against a node alone, and against answers of a fabric of three. */
import { skeinError } from "@skein/model"
import type { Admin, ClusterStatus, DecisionsRequest, MovePlan, ShardLoads } from "@skein/wire"
import { describe, expect, it } from "vitest"
import { clusterProblems } from "../cluster/clusterProblems.js"
import { exitCodes } from "../exitCodes.js"
import { RunningSkein } from "../testing/RunningSkein.js"
import { clusterStatusText } from "./clusterStatus.js"

const plain = { paintOut: (_: string, text: string) => text }

const node = (name: string, shards: readonly number[]): ClusterStatus["nodes"][number] => ({
  ...{ node: name, instance: "0123456789", address: "127.0.0.1:4118", pid: 7 },
  ...{ state: "serving", shards },
})

const status: ClusterStatus = {
  ...{ fabricId: "f", node: "n1", nodes: [node("n1", [0, 1]), node("n2", [2])], manager: "n2" },
  ...{ tableVersion: 3, shards: 3, unplaced: [], decisions: [], problems: [] },
}

const load = (name: string, shard: number, busy: number): ShardLoads["loads"][number] => ({
  ...{ node: name, shard, bytesPerSecond: 1e6, messagesPerSecond: 1_500 },
  ...{ depth: 10, busy, confirmP99Ms: 4 },
})

const loads: ShardLoads = {
  loads: [load("n1", 0, 0.25), load("n1", 1, 0.25), load("n2", 2, 0.125)],
  silent: [],
}

const plan: MovePlan = {
  moves: [{ shard: 1, from: "n1", to: "n2", reason: "n1 works most", kind: "balance" }],
  spread: { before: 4, after: 1.25 },
}

/** Calls that are noted, and what they answer. */
const fabric = (change: Partial<Admin> = {}) => {
  const calls: string[] = []
  const admin: Partial<Admin> = {
    cluster: async () => status,
    shardLoads: async () => loads,
    planMoves: async () => plan,
    rebalance: async () => {
      calls.push("rebalance")
      return plan
    },
    moveShard: async (shard, to) => {
      calls.push(`move ${shard} ${to}`)
    },
    drainNode: async (name) => {
      calls.push(`drain ${name}`)
    },
    reviveNode: async (name) => {
      calls.push(`revive ${name}`)
    },
    ...change,
  }
  return { calls, open: () => RunningSkein.open(admin) }
}

describe("a node on its own", () => {
  it("says that it is the only one, and moves nothing", async () => {
    const running = await RunningSkein.open()
    expect((await running.run(["cluster", "plan"])).out).toContain("embedded is the only node")
    expect((await running.run(["cluster", "why", "s000"])).out).toContain("it is the only node")
    expect((await running.run(["cluster", "rebalance"])).code).toBe(0)
    const drain = await running.run(["cluster", "drain", "embedded", "--yes"])
    expect(drain.code).toBe(exitCodes.failed)
    expect(drain.err).toContain("embedded is the last node that may have shards")
    const move = await running.run(["cluster", "move", "0", "n7", "-y"])
    expect(move.code).toBe(exitCodes.notFound)
    expect(move.err).toContain("there is no node n7")
    expect((await running.run(["cluster", "revive", "embedded"])).code).toBe(0)
    expect((await running.run(["cluster", "check"])).out).toBe("healthy\n")
    expect(await running.json("cluster", "clients")).toEqual({ clients: [], more: 0, silent: [] })
    expect(await running.json("node", "status")).toMatchObject({ ready: true })
  })

  it.each([["s1024"], ["x"], ["-"], ["s01"]])("C1: %s is no shard", async (text) => {
    const { code, err } = await (await RunningSkein.open()).run(["cluster", "why", text])
    expect(code).toBe(2)
    expect(err).toContain(`${text} is no shard`)
  })
})

describe("a fabric", () => {
  it("status shows the load of each node as a bar", () => {
    const lines = clusterStatusText(plain, status, loads).split("\n")
    expect(lines.slice(6, 9)).toEqual([
      "NODE  STATE    ADDRESS         PID  INSTANCE  SHARDS  MSG/S  WAITING  BUSY  * = MANAGER",
      "n1    serving  127.0.0.1:4118    7  01234567       2  3,000       20   50%  ████████████",
      "n2 *  serving  127.0.0.1:4118    7  01234567       1  1,500       10   13%  ███",
    ])
  })

  it("plan shows moves with reasons and the spread", async () => {
    const { out } = await (await fabric().open()).run(["cluster", "plan"])
    expect(out).toBe(
      [
        "SHARD  FROM  TO  KIND     WHY",
        "s001   n1    n2  balance  n1 works most",
        "",
        "moves   1",
        "spread  4.00 now, 1.25 after",
        "",
      ].join("\n"),
    )
  })

  it("what disturbs asks first; without a terminal it needs --yes", async () => {
    const { calls, open } = fabric()
    const running = await open()
    for (const argv of [["rebalance"], ["move", "s001", "n2"], ["drain", "n1"]]) {
      const asked = await running.run(["cluster", ...argv], { isTty: true, answer: "no" })
      expect(asked.code).toBe(exitCodes.failed)
      expect((await running.run(["cluster", ...argv])).code).toBe(exitCodes.usage)
      expect(calls).toEqual([])
    }
    for (const argv of [["rebalance"], ["move", "s001", "n2"], ["drain", "n1"]]) {
      expect((await running.run(["cluster", ...argv, "--yes"])).code).toBe(0)
    }
    expect(await running.json("cluster", "revive", "n1")).toEqual({ node: "n1", draining: false })
    expect(calls).toEqual(["rebalance", "move 1 n2", "drain n1", "revive n1"])
  })

  it("drain --wait comes back when the node is empty, or in time with what is left", async () => {
    let left = [2]
    let looks = 0
    const cluster = async () => {
      looks += 1
      if (looks === 3) left = []
      return { ...status, nodes: [node("n1", [0, 1]), node("n2", left)] }
    }
    const running = await fabric({ cluster }).open()
    const argv = ["cluster", "drain", "n2", "--yes", "--wait"]
    expect((await running.run(argv)).out).toBe("n2 is empty\n")
    left = [2]
    let nowMs = 0
    const clock = () => {
      nowMs += 20_000
      return nowMs
    }
    const late = await running.run(argv, { nowMs: clock })
    expect(late.code).toBe(exitCodes.tryAgain)
    expect(late.err).toContain("n2 still has 1 shards")
  })

  it("errors of the manager have their exit codes", async () => {
    const moveShard = async () => {
      throw skeinError("MoveRefused", "n2 is drained: revive it first")
    }
    const running = await fabric({ moveShard }).open()
    const { code, err } = await running.run(["cluster", "move", "1", "n2", "--yes"])
    expect([code, err.includes("n2 is drained")]).toEqual([exitCodes.failed, true])
  })

  it("check names what is wrong and exits with 9", async () => {
    expect(clusterProblems(status, loads)).toEqual([])
    const sick = { ...status, problems: ["n3 is silent and should have s009"] }
    const running = await fabric({
      cluster: async () => sick,
      shardLoads: async () => ({ loads: loads.loads.slice(1), silent: ["n3"] }),
    }).open()
    const { code, out } = await running.run(["cluster", "check"])
    expect(code).toBe(exitCodes.unhealthy)
    expect(out).toBe(
      "n3 is silent and should have s009\nn3 gave no answer\nno node has opened s000\n",
    )
    const json = await running.run(["cluster", "check", "--output", "json"])
    expect(JSON.parse(json.out)).toMatchObject({ healthy: false, problems: { length: 3 } })
  })

  it("clients shows who publishes to and consumes from what", async () => {
    const clients: Admin["clients"] = async (at) => ({
      clients: [
        {
          ...{ node: at ?? "n1", peer: "127.0.0.1:9", clientName: "bill\x1b[2J", sessions: 1 },
          connectedMs: 61_000,
          publishes: [{ shard: 1, generation: 4, name: "orders", requests: 1_200 }],
          consumes: [{ shard: 2, generation: 5, requests: 3 }],
        },
      ],
      more: 2,
      silent: ["n3"],
    })
    const { out } = await (await fabric({ clients }).open()).run(["cluster", "clients"])
    expect(out).toContain("1m 1s")
    expect(out).toContain("orders (1,200)")
    expect(out).toContain("s002/5 (3)")
    expect(out).not.toContain("\x1b")
    expect(out).toContain("! n3 gave no answer\n! 2 more connections are not shown\n")
    const at = await (await fabric({ clients }).open()).json("cluster", "clients", "--at", "n2")
    expect(at).toMatchObject({ clients: [{ node: "n2" }] })
  })
})

describe("watch", () => {
  const decision = (number: number) => ({
    ...{ number, event: "MoveEnded", atMs: 0, what: `move ${number}`, reason: "why" },
  })

  it("writes each decision once, and goes on with another manager's", async () => {
    const asked: (DecisionsRequest | undefined)[] = []
    const pages = [
      { log: "a", decisions: [decision(1), decision(2)], last: 2 },
      { log: "b", decisions: [decision(1)], last: 1 },
    ]
    const stop = new AbortController()
    const decisions: Admin["decisions"] = async (request) => {
      asked.push(request)
      return pages[asked.length - 1]
    }
    const running = await fabric({ decisions }).open()
    let lines = 0
    const { code, out } = await running.run(["cluster", "watch", "--output", "json"], {
      signal: stop.signal,
      onOut: () => {
        lines += 1
        if (lines === 3) stop.abort()
      },
    })
    expect(code).toBe(0)
    expect(asked).toEqual([{}, { log: "a", after: 2 }])
    const told = out.trim().split("\n")
    expect(told.map((line) => JSON.parse(line).what)).toEqual(["move 1", "move 2", "move 1"])
  })

  it("draws a screen on a terminal: nodes, load, decisions", async () => {
    const stop = new AbortController()
    const decisions = async () => ({ log: "a", decisions: [decision(1)], last: 1 })
    const running = await fabric({ decisions }).open()
    const { code, out } = await running.run(["cluster", "watch"], {
      isTty: true,
      signal: stop.signal,
      onOut: () => stop.abort(),
    })
    expect(code).toBe(0)
    expect(out.startsWith("\x1b[H\x1b[J")).toBe(true)
    expect(out).toContain("████████████")
    expect(out).toContain("move 1")
  })
})
