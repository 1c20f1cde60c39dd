import { skeinError } from "@skein/model"
import type { ClusterNode, ClusterStatus } from "@skein/wire"
import { expect, it } from "vitest"
import { type RestartClient, RollingRestart } from "./RollingRestart.js"

/** One turn of the event loop, or none once aborted: as pauses and calls of the command are. */
const turn = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise((resume) => setImmediate(resume))

it("C6: Ctrl-C while a node is drained revives it, and lets the event loop turn", async () => {
  const stop = new AbortController()
  const { signal } = stop
  const calls: string[] = []
  let asked = 0
  const node = (name: string): ClusterNode => ({
    ...{ node: name, instance: name, address: "a", pid: 1, state: "serving", shards: [0] },
  })
  const status: ClusterStatus = {
    ...{ fabricId: "f", node: "n1", nodes: [node("n1"), node("n2")], manager: "n2" },
    ...{ tableVersion: 1, shards: 1, unplaced: [], problems: [], decisions: [] },
  }
  const load = { bytesPerSecond: 0, messagesPerSecond: 0, depth: 0, busy: 0, confirmP99Ms: 0 }
  const client: RestartClient = {
    cluster: async () => status,
    shardLoads: async () => ({ loads: [{ node: "n1", shard: 0, ...load }], silent: [] }),
    planMoves: async () => ({ moves: [], spread: { before: 1, after: 1 } }),
    decisions: async () => {
      // A loop that spins would never let the revival below have its turn.
      if (++asked > 10_000) return new Promise<never>(() => {})
      if (signal.aborted) throw skeinError("Aborted", "by Ctrl-C")
      return { log: "l", decisions: [], last: 0 }
    },
    drainNode: async (name) => {
      calls.push(`drain ${name}`)
      setImmediate(() => stop.abort())
    },
    restartNode: async () => {},
    reviveNode: async (name) => {
      await new Promise((resume) => setImmediate(resume))
      calls.push(`revive ${name}`)
      throw skeinError("ManagerUnavailable", "it has died, too")
    },
  }
  const steps: string[] = []
  const restart = new RollingRestart({
    ...{ client, call: { signal }, signal, nowMs: () => performance.now() },
    pause: () => turn(signal),
    onStep: (text) => steps.push(text),
  })
  // The first reason counts, not that the revival failed as well.
  await expect(restart.run(["n1"])).rejects.toMatchObject({ name: "AbortError" })
  expect(calls).toEqual(["drain n1", "revive n1"])
  expect(steps.at(-1)).toContain("n1: is still drained")
  expect(asked).toBeLessThan(100)
})
