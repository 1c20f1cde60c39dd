import { ManualClock, type Membership, type SeenNode, type TableStore } from "@skein/journal"
import type { SkeinError } from "@skein/model"
import { encodeTable } from "@skein/placement"
import { describe, expect, it } from "vitest"
import { makeFabricMap } from "./makeFabricMap.js"
import { soleFabric } from "./soleFabric.js"

const seen = (node: string, change: Partial<SeenNode> = {}): SeenNode => ({
  instance: `i-${node}`,
  node,
  host: "h",
  pid: 1,
  address: `127.0.0.1:${node}`,
  sinceMs: 0,
  state: "serving",
  silent: false,
  dead: false,
  ...change,
})

/** Nodes and a table that the test changes by hand. */
class Outside {
  readonly clock = new ManualClock()
  readonly faults: string[] = []
  readonly listeners = new Set<() => void>()
  nodes: SeenNode[] = [seen("n1"), seen("n2")]
  version = 0
  bytes = new Uint8Array(0)
  /** Reads of the table wait here. */
  gate: Promise<void> = Promise.resolve()
  reads = 0
  broken = false

  readonly membership: Membership = {
    self: "i-n1",
    tell: async () => {},
    nodes: () => this.nodes,
    onChange: (listener) => this.listen(listener),
  }

  readonly tables: TableStore = {
    read: async () => {
      this.reads += 1
      const { version, bytes, broken } = this
      await this.gate
      if (broken) throw new Error("EIO")
      return version === 0 ? undefined : { version, bytes }
    },
    replace: async () => false,
    onChange: (listener) => this.listen(listener),
  }

  make() {
    return makeFabricMap({
      membership: this.membership,
      tables: this.tables,
      shards: 3,
      clock: this.clock,
      onFault: (error: SkeinError) => this.faults.push(error.detail),
    })
  }

  store(...owners: readonly (string | undefined)[]): void {
    this.version += 1
    this.bytes = new Uint8Array(encodeTable({ version: this.version, owners, draining: [] }))
  }

  tell(): void {
    for (const listener of [...this.listeners]) listener()
  }

  private listen(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

const settled = async () => {
  for (let round = 0; round < 20; round++) await Promise.resolve()
}

describe("makeFabricMap", () => {
  it("knows no owners before there is a table, and all after it was told", async () => {
    const outside = new Outside()
    const map = await outside.make()
    expect(map.self).toBe("n1")
    expect(map.table()).toMatchObject({ version: 0, owners: [undefined, undefined, undefined] })
    let told = 0
    map.onChange(() => told++)
    outside.store("n1", "n2", "n9")
    outside.tell()
    await settled()
    expect(told).toBeGreaterThan(0)
    const owners = [0, 1, 2].map((shard) => map.ownerOf(shard)?.instance)
    expect(owners).toEqual(["i-n1", "i-n2", undefined])
    const before = map.version()
    outside.tell()
    expect(map.version()).toBeGreaterThan(before)
  })

  it("names no silent owner, and of two instances of a name the younger", async () => {
    const outside = new Outside()
    outside.store("n1", "n2", undefined)
    const map = await outside.make()
    outside.nodes = [seen("n1", { silent: true }), seen("n2", { silent: true })]
    outside.tell()
    expect(map.ownerOf(1)).toBeUndefined()
    // A node is never silent to itself.
    expect(map.ownerOf(0)?.node).toBe("n1")
    const younger = seen("n2", { instance: "i-new", sinceMs: 5 })
    outside.nodes = [seen("n1"), younger, seen("n2")]
    outside.tell()
    expect(map.ownerOf(1)?.instance).toBe("i-new")
  })

  it("keeps the last good table when the stored one is of no use, and reads again", async () => {
    const outside = new Outside()
    outside.store("n1", "n1", "n1")
    const map = await outside.make()
    outside.store("n2", "n2")
    outside.tell()
    await settled()
    outside.broken = true
    await map.reread()
    expect(map.ownerOf(0)?.node).toBe("n1")
    expect(outside.faults.length).toBe(2)
    outside.broken = false
    outside.store("n2", "n2", "n2")
    outside.clock.advance(1_000)
    await settled()
    expect(map.ownerOf(0)?.node).toBe("n2")
    expect(outside.clock.timers).toBe(0)
  })

  it("reads again after a read that had begun before", async () => {
    const outside = new Outside()
    const map = await outside.make()
    let open = () => {}
    outside.gate = new Promise((resolve) => {
      open = () => resolve()
    })
    const first = map.reread()
    outside.store("n2", "n2", "n2")
    const second = map.reread()
    const third = map.reread()
    open()
    await Promise.all([first, second, third])
    expect(map.ownerOf(0)?.node).toBe("n2")
    // One at the start, the one that was too early, and one for both that followed.
    expect(outside.reads).toBe(3)
  })

  it("tells nothing any more when it is closed", async () => {
    const outside = new Outside()
    const map = await outside.make()
    let told = 0
    map.onChange(() => told++)
    outside.store("n1", "n1", "n1")
    const reading = map.reread()
    map.close()
    await reading
    outside.tell()
    expect(told).toBe(0)
    expect(outside.listeners.size).toBe(0)
  })
})

describe("soleFabric", () => {
  it("gives all shards to its node", () => {
    const map = soleFabric(seen("n1"), 2)
    expect(map.table().owners).toEqual(["n1", "n1"])
    expect([0, 1, 2].map((shard) => map.ownerOf(shard)?.node)).toEqual(["n1", "n1", undefined])
  })
})
