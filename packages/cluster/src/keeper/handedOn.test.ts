import { ManualClock, type SeenNode } from "@skein/journal"
import type { NodeName } from "@skein/model"
import { describe, expect, it } from "vitest"
import { type HandedOn, handedOn } from "./handedOn.js"

const nodeOf = (node: NodeName, change: Partial<SeenNode> = {}): SeenNode => ({
  ...{ instance: node, node, host: "h", pid: 1, address: "a", sinceMs: 0 },
  ...{ state: "serving", silent: false, dead: false, ...change },
})

/** n1 leaves with s000 and s001. */
const leaving = () => {
  const clock = new ManualClock()
  const listeners = new Set<() => void>()
  let [owners, draining]: [NodeName[], NodeName[]] = [["n1", "n1", "n2"], []]
  let nodes = [nodeOf("n1", { state: "leaving" }), nodeOf("n2")]
  const change = (run: () => void): void => {
    run()
    for (const listener of [...listeners]) listener()
  }
  const fabric = {
    self: "n1",
    nodes: () => nodes,
    table: () => ({ version: 1, owners, draining }),
    onChange: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  let how: HandedOn | undefined
  void handedOn(fabric, clock, 3_000).then((ended) => {
    how = ended
  })
  const seen = async (): Promise<HandedOn | undefined> => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    return how
  }
  return {
    ...{ clock, seen, listeners },
    give: (...next: NodeName[]) =>
      change(() => {
        owners = next
      }),
    see: (...next: SeenNode[]) =>
      change(() => {
        nodes = [nodeOf("n1", { state: "leaving" }), ...next]
      }),
    drain: (node: NodeName) =>
      change(() => {
        draining = [node]
      }),
  }
}

describe("a node that leaves", () => {
  it("waits until the table gives it nothing", async () => {
    const { give, seen, listeners } = leaving()
    give("n1", "n2", "n2")
    expect(await seen()).toBeUndefined()
    give("n2", "n2", "n2")
    expect(await seen()).toBe("moved")
    expect(listeners.size).toBe(0)
  })

  it("does not wait for longer than it may", async () => {
    const { clock, give, seen, listeners } = leaving()
    give("n1", "n2", "n2")
    clock.advance(2_999)
    expect(await seen()).toBeUndefined()
    clock.advance(1)
    expect([await seen(), listeners.size]).toEqual(["late", 0])
  })

  it.each<readonly [string, readonly SeenNode[]]>([
    ["leaves, too", [nodeOf("n2", { state: "leaving" })]],
    ["is silent", [nodeOf("n2", { silent: true })]],
    ["is starting", [nodeOf("n2", { state: "starting" })]],
    ["is not there", []],
  ])("does not wait when the only other %s", async (_, others) => {
    const { see, seen } = leaving()
    expect(await seen()).toBeUndefined()
    see(...others)
    expect(await seen()).toBe("alone")
  })

  it("does not wait for a node that is drained", async () => {
    const { drain, seen } = leaving()
    drain("n2")
    expect(await seen()).toBe("alone")
  })
})
