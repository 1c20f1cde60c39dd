import { ManualClock, type SeenNode } from "@skein/journal"
import { limits, type Shard, type SkeinError, skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import type { FabricMap } from "../FabricMap.js"
import { ShardKeeper } from "./ShardKeeper.js"

const seen = (node: string, silent = false): SeenNode => ({
  instance: `i-${node}`,
  node,
  host: "h",
  pid: 1,
  address: `127.0.0.1:${node}`,
  sinceMs: 0,
  state: "serving",
  silent,
  dead: false,
})

/** A keeper of n1 among n1 and n2, with shards that open when the test says so. */
class Bench {
  readonly clock = new ManualClock()
  readonly calls: string[] = []
  readonly givenUp: (readonly Shard[])[] = []
  readonly faults: string[] = []
  holder = "i-n2"
  nodes = [seen("n1"), seen("n2")]
  /** What is stored, known here after the next `reread`. */
  stored: readonly (string | undefined)[]
  readonly keeper: ShardKeeper
  /** Endings of the calls under way, by `open 3` or `close 3`. */
  readonly pending = new Map<string, { resolve: () => void; reject: (cause: unknown) => void }>()
  private owners: readonly (string | undefined)[]
  private listener: () => void = () => {}

  constructor(owners: readonly (string | undefined)[]) {
    this.owners = owners
    this.stored = owners
    const fabric: FabricMap = {
      self: "n1",
      version: () => 1,
      table: () => ({ version: 1, owners: this.owners, draining: [] }),
      nodes: () => this.nodes,
      ownerOf: (shard) =>
        this.nodes.find(({ node, silent }) => node === this.owners[shard] && !silent),
      onChange: (listener) => {
        this.listener = listener
        return () => {
          this.listener = () => {}
        }
      },
    }
    this.keeper = new ShardKeeper({
      fabric,
      clock: this.clock,
      open: (shard) => this.call(`open ${shard}`),
      close: (shard) => this.call(`close ${shard}`),
      reread: async () => {
        if (this.stored !== this.owners) this.change(this.stored)
      },
      holderOf: async () => this.holder,
      onGivenUp: (shards) => this.givenUp.push(shards),
      onFault: (shard, cause) => this.faults.push(`${shard} ${String(cause)}`),
    })
    this.keeper.start()
  }

  change(owners: readonly (string | undefined)[], nodes = this.nodes): void {
    this.owners = owners
    this.stored = owners
    this.nodes = nodes
    this.listener()
  }

  async done(call: string): Promise<void> {
    const pending = this.pending.get(call)
    this.pending.delete(call)
    pending?.resolve()
    await this.settled()
  }

  async fail(call: string): Promise<void> {
    this.pending.get(call)?.reject("no")
    this.pending.delete(call)
    await this.settled()
  }

  async ended(shard: Shard, error: SkeinError): Promise<string> {
    const after = this.keeper.ended(shard, error)
    await this.settled()
    return after
  }

  async advance(ms: number): Promise<void> {
    for (let gone = 0; gone < ms; gone += 50) {
      this.clock.advance(Math.min(50, ms - gone))
      await this.settled()
    }
  }

  /** The calls since the last look. */
  news(): string[] {
    return this.calls.splice(0)
  }

  private call(name: string): Promise<void> {
    this.calls.push(name)
    return new Promise((resolve, reject) => this.pending.set(name, { resolve, reject }))
  }

  private async settled(): Promise<void> {
    for (let round = 0; round < 20; round++) await Promise.resolve()
  }
}

const moved = skeinError("Moved", "another took it")
const fault = skeinError("InternalError", "a fault")

describe("ShardKeeper", () => {
  it("opens what the table gives it, s000 first, eight at a time", async () => {
    const bench = new Bench(Array.from({ length: 12 }, (_, at) => (at === 5 ? "n2" : "n1")))
    expect(bench.news()).toEqual([0, 1, 2, 3, 4, 6, 7, 8].map((shard) => `open ${shard}`))
    await bench.done("open 3")
    expect(bench.news()).toEqual(["open 9"])
    // One that failed leaves its place, too.
    expect(await bench.ended(0, fault)).toBe("restart")
    expect(bench.news()).toEqual(["open 10"])
  })

  it("closes what another living node gets, keeps what nobody could serve", async () => {
    const bench = new Bench(["n1", "n1", "n1"])
    for (const shard of [0, 1, 2]) await bench.done(`open ${shard}`)
    bench.news()
    bench.change(["n1", "n3", undefined])
    expect(bench.news()).toEqual([])
    bench.change(["n1", "n3", undefined], [...bench.nodes, seen("n3", true)])
    expect(bench.news()).toEqual([])
    bench.change(["n1", "n3", undefined], [...bench.nodes.slice(0, 2), seen("n3")])
    expect(bench.news()).toEqual(["close 1"])
  })

  it("opens again only when the close has ended", async () => {
    const bench = new Bench(["n1", "n1"])
    await bench.done("open 1")
    bench.change(["n1", "n2"])
    bench.change(["n1", "n1"])
    expect(bench.news()).toEqual(["open 0", "open 1", "close 1"])
    await bench.done("close 1")
    expect(bench.news()).toEqual(["open 1"])
  })

  it("closes while it is still being opened", async () => {
    const bench = new Bench(["n1", "n1"])
    bench.change(["n1", "n2"])
    await bench.done("open 1")
    await bench.done("close 1")
    expect(bench.news()).toEqual(["open 0", "open 1", "close 1"])
  })

  it("tries an opening and a close again that failed", async () => {
    const bench = new Bench(["n1"])
    await bench.fail("open 0")
    expect(bench.news()).toEqual(["open 0"])
    await bench.advance(1_000)
    expect(bench.news()).toEqual(["open 0"])
    await bench.done("open 0")
    bench.change(["n2"])
    await bench.fail("close 0")
    expect(bench.news()).toEqual(["close 0"])
    await bench.advance(1_000)
    expect(bench.news()).toEqual(["close 0"])
    expect(bench.faults).toEqual(["0 no", "0 no"])
  })

  it("does not claim back what a living node took, until that had time to close it", async () => {
    const bench = new Bench(["n1"])
    await bench.done("open 0")
    expect(await bench.ended(0, moved)).toBe("stop")
    bench.news()
    await bench.advance(1_150)
    expect(bench.news()).toEqual([])
    await bench.advance(500)
    expect(bench.news()).toEqual(["open 0"])
    // Taken again: it waits twice as long.
    await bench.ended(0, moved)
    await bench.advance(2_350)
    expect(bench.news()).toEqual([])
    await bench.advance(500)
    expect(bench.news()).toEqual(["open 0"])
  })

  it("claims back what a node took that then fell silent", async () => {
    const bench = new Bench(["n1"])
    await bench.done("open 0")
    await bench.ended(0, moved)
    bench.nodes = [seen("n1"), seen("n2", true)]
    bench.news()
    await bench.advance(2 * limits.aliveEveryMs)
    expect(bench.news()).toEqual(["open 0"])
  })

  it("leaves to the new owner what the stored table gives it", async () => {
    const bench = new Bench(["n1"])
    await bench.done("open 0")
    bench.stored = ["n2"]
    bench.news()
    await bench.ended(0, moved)
    await bench.advance(60_000)
    expect(bench.news()).toEqual([])
    expect(bench.keeper.setAside).toEqual([])
    bench.change(["n1"])
    expect(bench.news()).toEqual(["open 0"])
  })

  it("gives up a shard that fails too often, and tries it again much later", async () => {
    const bench = new Bench(["n1", "n1"])
    const after: string[] = []
    for (let time = 0; time < 7; time++) after.push(await bench.ended(1, fault))
    expect(after).toEqual([...Array.from({ length: 6 }, () => "restart"), "stop"])
    expect(bench.givenUp).toEqual([[1]])
    expect(bench.news()).toEqual(["open 0", "open 1"])
    await bench.advance(60_000)
    expect(bench.givenUp).toEqual([[1], []])
    expect(bench.news()).toEqual(["open 1"])
  })

  it("opens a shard that it gave up when it comes back from another node", async () => {
    const bench = new Bench(["n1"])
    for (let time = 0; time < 7; time++) await bench.ended(0, fault)
    bench.change(["n2"])
    bench.change(["n1"])
    expect(bench.news()).toEqual(["open 0", "open 0"])
    expect(bench.givenUp).toEqual([[0], []])
  })

  it("forgets ends that lie far back", async () => {
    const bench = new Bench(["n1"])
    for (let time = 0; time < 40; time++) {
      expect(await bench.ended(0, fault)).toBe("restart")
      await bench.advance(10_500)
    }
    expect(bench.givenUp).toEqual([])
  })

  it("leaves a damaged shard closed for good", async () => {
    const bench = new Bench(["n1"])
    expect(await bench.ended(0, skeinError("ShardCorrupt", "torn"))).toBe("stop")
    bench.change(["n2"])
    bench.change(["n1"])
    await bench.advance(200_000)
    expect(bench.news()).toEqual(["open 0"])
    expect(bench.givenUp).toEqual([])
  })

  it("does nothing more after its stop, and leaves no timer", async () => {
    const bench = new Bench(["n1", "n1", "n1"])
    await bench.ended(0, moved)
    for (let time = 0; time < 7; time++) await bench.ended(1, fault)
    await bench.fail("open 2")
    bench.keeper.stop()
    bench.news()
    expect(bench.clock.timers).toBe(0)
    bench.change(["n2", "n2", "n1"])
    expect(bench.keeper.ended(2, fault)).toBe("stop")
    await bench.advance(100_000)
    expect(bench.news()).toEqual([])
  })
})
