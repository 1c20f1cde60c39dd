/**
 * Owns: the real fabric in memory under a clock that a test moves: same actors, leases, limits and
 * errors as a node has, no disk, no sockets, no waiting.
 * Must not know: which test runner there is.
 *
 * Shutdown order: clients (their links end with FabricClosed), shards, clock.
 */
import { type ClientOptions, makeClient, type OpenFabric, type SkeinClient } from "@skein/client"
import { memoryJournal, SeededRandom } from "@skein/journal"
import { limits, type SkeinError, skeinError } from "@skein/model"
import { inProcess, NodeCore } from "@skein/node"
import type { Fabric } from "@skein/wire"
import { TestClock } from "./TestClock.js"

export interface TestFabricOptions {
  /** Default 2: few are opened faster, and two are enough to be on different ones. */
  readonly shards?: number
  /** Of the clients' random numbers; default 1. */
  readonly seed?: number
}

export interface TestFabric extends Fabric {
  readonly clock: TestClock
  /** Faults that were contained; a test of a service expects none. */
  readonly faults: readonly SkeinError[]
  /** A way to the fabric, for `makeClient`. */
  readonly open: OpenFabric
  /** A client whose time is `clock`, too. */
  readonly client: (options?: ClientOptions) => Promise<SkeinClient>
  readonly close: () => Promise<void>
}

/** Opens a fabric of its own for one test. */
export const testFabric = async (options: TestFabricOptions = {}): Promise<TestFabric> => {
  const { shards = 2, seed = 1 } = options
  const clock = new TestClock()
  const faults: SkeinError[] = []
  const core = new NodeCore({
    journal: memoryJournal(),
    clock,
    shards,
    outside,
    onFault: (_where, error) => void faults.push(error),
  })
  for (let shard = 0; shard < shards; shard++) await core.openShard(shard)
  const broker = inProcess(core.broker)
  const ends = new Set<(why: SkeinError) => void>()
  const open: OpenFabric = async () => {
    let end: (why: SkeinError) => void = () => {}
    const closed = new Promise<SkeinError>((resolve) => {
      end = resolve
    })
    ends.add(end)
    const close = async (): Promise<void> => {
      ends.delete(end)
      end(skeinError("ConnectionFailed", "the connection was closed"))
    }
    return { broker, admin: core.admin, closed, close }
  }
  const runtime = { clock, random: new SeededRandom(seed), endOfTick: process.nextTick }
  return {
    broker,
    admin: core.admin,
    clock,
    faults,
    open,
    client: (clientOptions) => makeClient(open, { runtime, ...clientOptions }),
    close: async () => {
      for (const end of ends) end(skeinError("FabricClosed", "the test's fabric was closed"))
      ends.clear()
      for (let shard = shards - 1; shard >= 0; shard--) await core.closeShard(shard)
      core.stop()
    },
  }
}

const outside = () => ({
  version: "test",
  fabricId: "0".repeat(32),
  node: "test",
  instance: "0".repeat(32),
  address: "",
  pid: 0,
  connections: 0,
  rssBytes: 0,
  tree: [],
  limits,
})
