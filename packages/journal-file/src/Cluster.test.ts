import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { conformance, registerDrivers } from "@skein/journal"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ClusterProcess } from "./testkit/ClusterProcess.js"

let dir = ""
const processes: ClusterProcess[] = []

const start = (name: string, mode?: "alone" | "shared"): Promise<ClusterProcess> => {
  const started = new ClusterProcess(dir, name, mode)
  processes.push(started)
  return started.settled()
}

const begin = async (): Promise<void> => {
  dir = await mkdtemp(join(tmpdir(), "skein-cluster-"))
}
const end = async (): Promise<void> => {
  await Promise.all(processes.splice(0).map((one) => one.kill("SIGKILL")))
  await rm(dir, { recursive: true })
}
const pass = (): Promise<void> => Promise.race(processes.map((one) => one.next()))

registerDrivers("file, processes", {
  membership: async () => {
    await begin()
    return {
      join: async (name) => {
        const node = await start(name)
        return {
          membership: node.membership,
          pause: () => node.kill("SIGSTOP"),
          resume: () => node.kill("SIGCONT"),
          kill: () => node.kill("SIGKILL"),
          leave: async () => void (await node.ask({ what: "close" })),
        }
      },
      pass,
      dispose: end,
    }
  },
  tables: async () => {
    await begin()
    let names = 0
    return { store: async () => (await start(`n${++names}`)).tables, pass, dispose: end }
  },
})

describe("several processes on one directory", { timeout: 60_000 }, () => {
  for (const { name, run } of conformance("file, processes")) it(name, run)
})

describe("who may share a directory", { timeout: 60_000 }, () => {
  beforeEach(begin)
  afterEach(end)

  it("a living namesake is in the way, a dead one is not", async () => {
    const first = await start("n1")
    const second = await start("n1")
    expect(second.refused).toMatchObject({
      tag: "NodeNameInUse",
      data: { pid: first.child.pid, instance: first.instance },
    })
    await first.kill("SIGKILL")
    expect((await start("n1")).refused).toBeUndefined()
  })

  it("who wants it alone is refused, and so is everybody beside one who has it alone", async () => {
    const shared = await start("n1")
    const alone = await start("n2", "alone")
    expect(alone.refused).toMatchObject({ tag: "DirectoryInUse", data: { pid: shared.child.pid } })
    await shared.kill("SIGKILL")
    const holder = await start("n2", "alone")
    expect(holder.refused).toBeUndefined()
    expect((await start("n1")).refused?.tag).toBe("DirectoryInUse")
  })

  it("a stopped namesake's place can be taken, and its files stay until it is dead", async () => {
    const first = await start("n1")
    await first.kill("SIGSTOP")
    const second = await start("n1")
    expect(second.refused).toBeUndefined()
    await first.kill("SIGCONT")
    const sees = () => second.membership.nodes().find((one) => one.instance === first.instance)
    while (sees()?.silent !== false) await second.next()
    expect(sees()?.dead).toBe(false)
  })

  it("of several that make a fabric at once all end with the same one", async () => {
    const nodes = await Promise.all(["a", "b", "c", "d"].map((name) => start(name)))
    expect(nodes.map(({ refused }) => refused)).toEqual(nodes.map(() => undefined))
    expect(new Set(nodes.map(({ fabricId }) => fabricId)).size).toBe(1)
  })
})
