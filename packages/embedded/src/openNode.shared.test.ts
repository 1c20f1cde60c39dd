import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Membership, SeenNode, TableStore } from "@skein/journal"
import type { FileJournal } from "@skein/journal-file"
import type { NodeName, QueueRef, SkeinError } from "@skein/model"
import { encodeTable } from "@skein/placement"
import { FrameWriter } from "@skein/wire"
import { expect, it, onTestFinished, vi } from "vitest"
import type { ClusterPorts } from "./joinCluster.js"
import { type OpenNode, openNode } from "./openNode.js"

const shards = 3

/** Signs of life and the table, in memory, on a directory of its own. */
class Shared {
  readonly dir = mkdtempSync(join(tmpdir(), "skein-shared-"))
  readonly told: string[] = []
  private nodes: SeenNode[] = []
  private version = 0
  private bytes = new Uint8Array(0)
  private readonly listeners = new Set<() => void>()
  /** These do not hear of a new table. */
  private readonly deaf = new Set<NodeName>()

  give(...owners: readonly NodeName[]): void {
    this.version += 1
    this.bytes = new Uint8Array(encodeTable({ version: this.version, owners, draining: [] }))
    this.tell()
  }

  /** As others see a node that was stopped; it goes on with what it knew. */
  freeze(node: NodeName): void {
    this.deaf.add(node)
    this.nodes = this.nodes.map((one) => (one.node === node ? { ...one, silent: true } : one))
    this.tell()
  }

  async start(node: NodeName): Promise<OpenNode> {
    const opened = await openNode({
      storage: { dir: this.dir, shared: true, ports: (journal) => this.ports(node, journal) },
      shards,
      nodeName: node,
      version: "0",
      manager: () => ({
        start: () => this.told.push(`${node} manages`),
        stop: () => void this.told.push(`${node} manages no more`),
      }),
    })
    onTestFinished(() => opened.close())
    return opened
  }

  private ports(node: NodeName, { instance }: FileJournal): ClusterPorts {
    const place = { host: "h", pid: 1, address: `127.0.0.1:${node}`, sinceMs: 0 }
    const life = { state: "serving", silent: false, dead: false } as const
    this.nodes.push({ instance, node, ...place, ...life })
    const onChange = (listener: () => void) => {
      this.listeners.add(listener)
      return () => this.listeners.delete(listener)
    }
    const membership: Membership = {
      self: instance,
      tell: async ({ state }) => void this.told.push(`${node} ${state}`),
      nodes: () => this.nodes,
      onChange,
    }
    let known: { version: number; bytes: Uint8Array } | undefined
    const tables: TableStore = {
      read: async () => {
        if (!this.deaf.has(node)) known = { version: this.version, bytes: this.bytes }
        return known?.version === 0 ? undefined : known
      },
      replace: async () => false,
      onChange,
    }
    const managerToken = {
      claim: async () => undefined,
      holds: () => false,
      holder: async () => undefined,
    }
    return { membership, tables, managerToken }
  }

  private tell(): void {
    for (const listener of [...this.listeners]) listener()
  }
}

const publish = (node: OpenNode, queue: QueueRef, frameNumber: number) => {
  const writer = new FrameWriter()
  writer.append({ body: Uint8Array.of(frameNumber) })
  const producer = "a".repeat(32)
  return node.core.broker.publish({ queue, producer, frameNumber, frame: writer.finish() })
}

const open = (node: OpenNode, ...wanted: readonly number[]) =>
  vi.waitFor(
    () => {
      const isOpen = [0, 1, 2].filter((shard) => node.core.isShardOpen(shard))
      expect(isOpen).toEqual(wanted)
    },
    { timeout: 10_000, interval: 10 },
  )

const queueIn = async (node: OpenNode, shard: number) => {
  for (let at = 0; ; at++) {
    const queue = await node.core.admin.declare(`q${at}`)
    if (queue.shard === shard) return queue
  }
}

const makeShared = (): Shared => {
  const shared = new Shared()
  onTestFinished(() => rmSync(shared.dir, { recursive: true, force: true }))
  return shared
}

it("serves on one directory what the table gives each node, and hands shards over", async () => {
  const shared = makeShared()
  const n1 = await shared.start("n1")
  const n2 = await shared.start("n2")
  shared.give("n1", "n1", "n2")
  await open(n1, 0, 1)
  await open(n2, 2)
  const queue = await queueIn(n1, 1)
  await publish(n1, queue, 1)
  shared.give("n2", "n2", "n2")
  await open(n2, 0, 1, 2)
  await open(n1)
  expect(await publish(n2, queue, 2)).toMatchObject({ first: 2 })
  const peeked = await n2.core.admin.peek({ name: queue.name })
  expect(peeked.map(({ body }) => [...body])).toEqual([[1], [2]])
  await n2.close()
  const leaving = ["n2 leaving", "n2 manages no more"]
  expect(shared.told).toEqual(["n1 manages", "n2 manages", ...leaving])
})

it("takes over from a node that stands still, and fences it when it goes on", async () => {
  const shared = makeShared()
  const n1 = await shared.start("n1")
  const n2 = await shared.start("n2")
  shared.give("n1", "n1", "n2")
  await open(n1, 0, 1)
  const queue = await queueIn(n1, 1)
  for (let n = 1; n <= 20; n++) await publish(n1, queue, n)
  shared.freeze("n1")
  shared.give("n2", "n2", "n2")
  await open(n2, 0, 1, 2)
  const late = await publish(n1, queue, 21).then(
    () => "stored",
    ({ _tag }: SkeinError) => _tag,
  )
  expect(late).toBe("Moved")
  // Nothing of what the other confirmed is missing, and nothing that it did not confirm is there.
  expect((await n2.core.admin.show(queue.name)).counts.total).toBe(20)
  expect(await publish(n2, queue, 21)).toMatchObject({ first: 21 })
})
