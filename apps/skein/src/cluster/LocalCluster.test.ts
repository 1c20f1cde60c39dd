/** Nodes are stubs here, ended by the test; NodeProcess.test.ts has real ones. */
import { describe, expect, it, onTestFinished } from "vitest"
import {
  type ClusterEvent,
  type LocalCluster,
  type LocalClusterOptions,
  NodeNotStarted,
  openLocalCluster,
  shownEnd,
} from "./LocalCluster.js"
import type { NodeEnd, RunningNode } from "./NodeProcess.js"
import type { Listening } from "./nodeLine.js"

class StubNode implements RunningNode {
  readonly listening: Promise<Listening>
  readonly ended: Promise<NodeEnd>
  stops = 0
  listen: () => void = () => {}
  end: (end: NodeEnd) => void = () => {}

  constructor(readonly pid: number) {
    this.listening = new Promise((resolve) => {
      this.listen = () => resolve({ address: `127.0.0.1:${pid}`, pid, fabricId: "f" })
    })
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  stop = async (): Promise<void> => {
    this.stops += 1
    this.end({ code: 0, signal: null })
  }

  kill = (): void => this.end(killed)
}

const killed: NodeEnd = { code: null, signal: "SIGKILL" }

const rig = (restartsMax = 3) => {
  const started = new Map<string, StubNode[]>([
    ["n1", []],
    ["n2", []],
  ])
  const events: ClusterEvent[] = []
  let hear: () => void = () => {}
  const start: LocalClusterOptions["start"] = ({ name }) => {
    const node = new StubNode(events.length * 10 + (started.get(name)?.length ?? 0))
    started.get(name)?.push(node)
    hear()
    return node
  }
  const opening = openLocalCluster({
    nodes: ["n1", "n2"].map((name) => ({ name, argv: ["none"] })),
    start,
    onEvent: (event) => {
      events.push(event)
      hear()
    },
    backoff: { firstMs: 0, factor: 1, maxMs: 0, jitter: 0 },
    intensity: { restartsMax, windowMs: 60_000 },
  })
  const nodes = (name: string): readonly StubNode[] => started.get(name) ?? []
  const until = async (happened: () => boolean): Promise<void> => {
    while (!happened()) {
      await new Promise<void>((resolve) => {
        hear = resolve
      })
    }
  }
  const open = async (): Promise<LocalCluster> => {
    await until(() => nodes("n1").length + nodes("n2").length === 2)
    for (const name of ["n1", "n2"]) nodes(name)[0].listen()
    const cluster = await opening
    onTestFinished(() => cluster.stop())
    return cluster
  }
  return { opening, nodes, events, until, open }
}

describe("LocalCluster", () => {
  it("starts all nodes together and is open when all listen", async () => {
    const { open } = rig()
    const cluster = await open()
    expect(cluster.nodes.map(({ name }) => name)).toEqual(["n1", "n2"])
  })

  it("starts a node again that ended, and leaves the others alone", async () => {
    const { open, nodes, events, until } = rig()
    await open()
    nodes("n1")[0].end(killed)
    await until(() => nodes("n1").length === 2)
    nodes("n1")[1].listen()
    await until(() => events.some(({ _tag }) => _tag === "Restarted"))
    expect(events[0]).toEqual({ _tag: "Ended", node: "n1", end: killed })
    expect(events[1]).toMatchObject({ _tag: "Restarted", node: "n1" })
    expect(nodes("n2")).toHaveLength(1)
  })

  it("gives a node up that ends too often; with none left it has failed", async () => {
    const { open, nodes, events, until } = rig(1)
    const cluster = await open()
    const endTwice = async (name: string): Promise<void> => {
      nodes(name)[0].end(killed)
      await until(() => nodes(name).length === 2)
      nodes(name)[1].end({ code: 1, signal: null })
      await until(() => events.some((event) => event._tag === "GivenUp" && event.node === name))
    }
    await endTwice("n1")
    expect(nodes("n2")[0].stops).toBe(0)
    expect(await Promise.race([cluster.failed, Promise.resolve("serving")])).toBe("serving")
    await endTwice("n2")
    await cluster.failed
  })

  it("stops each node once, and starts none again", async () => {
    const { open, nodes, events } = rig()
    const cluster = await open()
    await Promise.all([cluster.stop(), cluster.stop()])
    expect([nodes("n1"), nodes("n2")].map((each) => each.length)).toEqual([1, 1])
    // Asked at once and again when its supervisor closes: a real process is signalled once.
    expect(nodes("n1")[0].stops).toBeGreaterThan(0)
    expect(events).toEqual([])
  })

  it("a node that cannot start fails the start, and the others are stopped", async () => {
    const { opening, nodes, until } = rig()
    await until(() => nodes("n2").length === 1)
    const end = { code: 7, signal: null }
    nodes("n2")[0].end(end)
    const error: unknown = await opening.then(
      () => undefined,
      (cause: unknown) => cause,
    )
    expect(error).toBeInstanceOf(NodeNotStarted)
    expect(error).toMatchObject({ node: "n2", end })
    expect(nodes("n1")[0].stops).toBeGreaterThan(0)
  })

  it("says how a node ended", () => {
    expect(shownEnd(killed)).toBe("signal SIGKILL")
    const error = { code: "C", detail: "taken", next: "", retryable: false }
    expect(shownEnd({ code: 7, signal: null, error })).toBe("exit code 7: taken")
  })
})
