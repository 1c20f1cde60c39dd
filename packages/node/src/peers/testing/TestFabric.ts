/**
 * Owns: a fabric of a few nodes in one process for tests: real ports on loopback, real connections
 * of peers, the real engine; the shard table, the shard hosts and what the nodes answer are the
 * test's.
 */
import {
  type CatalogCalls,
  type FabricMap,
  fabricCalls,
  layerAdminDoors,
  layerCatalogDoors,
  layerEngine,
  layerNodeDoors,
  type MoveMessage,
  makeDoorAdmin,
  makeNodeCalls,
  makeRemoteCatalog,
  type NodeCalls,
  type NodePort,
  PeerDoor,
  type Peers,
  type RemoteCatalog,
} from "@skein/cluster"
import { type SeenNode, systemClock } from "@skein/journal"
import { defaultQueuePolicy, invariant, type QueueRef, skeinError } from "@skein/model"
import type { ShardLoad } from "@skein/placement"
import type { Admin, ManagerPort } from "@skein/wire"
import { Layer, ManagedRuntime } from "effect"
import { ClientPort } from "../../port/ClientPort.js"
import { StubFabric } from "../../port/testing/StubFabric.js"
import { connectPeers } from "../connectPeers.js"

export const secret = "the fabric's peer secret"
const fabricId = "f"
/** Longer than any machine is busy. */
const answersWithinMs = 25_000

export class TestFabric {
  readonly nodes: TestNode[] = []
  readonly owners: (string | undefined)[]
  manager: string | undefined
  readonly #listeners = new Set<() => void>()
  #version = 1

  constructor(readonly shards: number) {
    this.owners = Array.from({ length: shards }, () => undefined)
  }

  async add(name: string, options: NodeOptions = {}): Promise<TestNode> {
    const node = new TestNode(name, this, options)
    // Before its engine starts: it would take a second to look again.
    for (const shard of options.shards ?? []) {
      this.owners[shard] = name
      node.open.add(shard)
    }
    this.nodes.push(node)
    await node.start()
    this.changed()
    return node
  }

  /** Gives `shard` to a node, in the table and in truth. */
  give(shard: number, to: TestNode | undefined): void {
    this.owners[shard] = to?.name
    for (const node of this.nodes) node.open.delete(shard)
    to?.open.add(shard)
    this.changed()
  }

  changed(): void {
    this.#version++
    for (const listener of [...this.#listeners]) listener()
  }

  map(self: string): FabricMap {
    return {
      self,
      version: () => this.#version,
      table: () => ({ version: this.#version, owners: this.owners, draining: [] }),
      nodes: () => this.nodes.map((node) => node.seen()),
      ownerOf: (shard) => {
        const node = this.nodes.find(({ name }) => name === this.owners[shard])
        return node === undefined || node.silent ? undefined : node.seen()
      },
      onChange: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}

export interface NodeOptions {
  /** What it has from the start. */
  readonly shards?: readonly number[]
  /** How long a call through a door may take; where an answer is awaited, none is too late. */
  readonly withinMs?: number
  /** What it presents to other nodes. */
  readonly secret?: string
  readonly peers?: (peers: Peers) => Peers
}

export class TestNode {
  readonly open = new Set<number>()
  readonly door = new PeerDoor()
  readonly calls: string[] = []
  readonly messages: { readonly from: string; readonly message: MoveMessage }[] = []
  loads: readonly ShardLoad[] = []
  silent = false
  /** Told of each purge that has come. */
  onPurge: () => void = () => {}
  /** Awaited by each purge, by calls of the manager, by loads and clients. */
  gate: Promise<void> = Promise.resolve()
  #address = ""
  #runtime: ManagedRuntime.ManagedRuntime<never, never> | undefined
  #port: ClientPort | undefined
  #admin: Admin | undefined
  #nodes: NodeCalls | undefined
  #catalog: RemoteCatalog | undefined

  constructor(
    readonly name: string,
    private readonly fabric: TestFabric,
    private readonly options: NodeOptions,
  ) {}

  get admin(): Admin {
    invariant(this.#admin !== undefined, "the node has started")
    return this.#admin
  }

  get nodes(): NodeCalls {
    invariant(this.#nodes !== undefined, "the node has started")
    return this.#nodes
  }

  get catalog(): RemoteCatalog {
    invariant(this.#catalog !== undefined, "the node has started")
    return this.#catalog
  }

  get port(): ClientPort {
    invariant(this.#port !== undefined, "the node has started")
    return this.#port
  }

  get address(): string {
    return this.#address
  }

  seen(): SeenNode {
    const { name, silent } = this
    return {
      node: name,
      instance: `instance of ${name}`,
      host: "localhost",
      pid: 1,
      address: this.#address,
      sinceMs: 0,
      state: "serving",
      silent,
      dead: false,
    }
  }

  async start(): Promise<void> {
    const port = new ClientPort(new StubFabric(), {
      host: "127.0.0.1",
      port: 0,
      identity: { node: this.name, fabricId, instance: `instance of ${this.name}` },
      token: "clients need one",
      peerSecret: secret,
      engine: this.door,
    })
    this.#port = port
    const address = await port.start()
    this.#address = `${address.host}:${address.port}`
    const peers = connectPeers({
      secret: this.options.secret ?? secret,
      fabricId,
      name: this.name,
    })
    const here = { isOpen: (shard: number) => this.open.has(shard) }
    const engine = layerEngine({
      address,
      map: this.fabric.map(this.name),
      local: here,
      peers: this.options.peers?.(peers) ?? peers,
      door: this.door,
    })
    const local = this.#local()
    const doors = Layer.mergeAll(
      layerAdminDoors(local),
      layerNodeDoors(this.#nodePort()),
      layerCatalogDoors(this.#catalogCalls(), async (queue, why) => {
        this.calls.push(`erase ${queue.shard} ${queue.generation} ${why}`)
      }),
    )
    const runtime = ManagedRuntime.make(doors.pipe(Layer.provideMerge(engine)))
    this.#runtime = runtime as never
    const { withinMs = answersWithinMs } = this.options
    const map = this.fabric.map(this.name)
    this.#nodes = await runtime.runPromise(
      makeNodeCalls({ map, local: this.#nodePort(), withinMs }),
    )
    const fabric = fabricCalls({
      ...{ self: this.name, manager: this.#managerPort() },
      ...{ nodes: this.#nodes, clock: systemClock },
    })
    this.#admin = await runtime.runPromise(makeDoorAdmin(local, here, withinMs, fabric))
    this.#catalog = await runtime.runPromise(makeRemoteCatalog(withinMs))
  }

  /** As a process that was killed: its connections break, its engine answers no more. */
  async kill(): Promise<void> {
    void this.#port?.stop()
    await this.#port?.stop()
  }

  async stop(): Promise<void> {
    await this.kill()
    await this.#runtime?.dispose()
  }

  #infoOf(name: string) {
    const shard = Number(/\d+$/.exec(name)?.[0] ?? 0) % this.fabric.shards
    return { name, shard, generation: shard + 100, policy: defaultQueuePolicy }
  }

  /** Refuses, as a real node, what belongs to a shard that is not open here. */
  #host(shard: number): void {
    if (!this.open.has(shard)) throw skeinError("ShardUnavailable", "not open here", { shard })
  }

  #local(): Admin {
    return {
      declare: async (name) => this.#infoOf(name),
      delete: async () => false,
      lookup: async (name) => {
        this.#host(0)
        if (!name.startsWith("queue")) throw skeinError("QueueNotFound", `no queue ${name}`)
        return this.#infoOf(name)
      },
      list: async () => ({ queues: [this.#infoOf("queue1")] }),
      show: async (name) => {
        throw skeinError("QueueFull", `queue ${name} is full`, { limit: "messagesMax", max: 7 })
      },
      purge: async (name) => {
        this.#host(this.#infoOf(name).shard)
        this.calls.push(`purge ${name}`)
        this.onPurge()
        await this.gate
        return 3
      },
      peek: async () => [
        {
          sequence: 1,
          body: Uint8Array.of(0xa1, 0x61),
          redelivered: false,
          failed: 0,
          returned: 0,
        },
      ],
      status: () => Promise.reject(new Error("a fault that is no SkeinError")),
      cluster: notAsked,
      beginBackup: notAsked,
      readBackup: notAsked,
      ...this.#managerPort(),
      shardLoads: notAsked,
      restartNode: notAsked,
      clients: notAsked,
    }
  }

  /** This node's own; the manager is whom the test says. */
  #nodePort(): NodePort {
    return {
      loads: async () => {
        await this.gate
        return this.loads
      },
      clients: async () => {
        this.calls.push("clients")
        await this.gate
        const client = {
          ...{ node: this.name, peer: "127.0.0.1:9", clientName: "a client", connectedMs: 5 },
          ...{ sessions: 1, publishes: [{ shard: 3, generation: 7, requests: 2 }], consumes: [] },
        }
        return { clients: [client], more: 0, silent: [] }
      },
      restart: async (instance) => {
        this.calls.push(`restart ${this.name} ${instance}`)
      },
      moveMessage: async (from, message): Promise<boolean> => {
        if (message.kind === "refused") throw skeinError("MoveRefused", "not now", { shard: 3 })
        this.messages.push({ from, message })
        return true
      },
      manager: this.#managerPort(),
    }
  }

  #managerPort(): ManagerPort {
    const asked = async <A>(what: string, answer: A): Promise<A> => {
      const { manager } = this.fabric
      if (manager !== this.name) {
        const data = manager === undefined ? {} : { manager }
        throw skeinError("ManagerUnavailable", "this node is not the manager", data)
      }
      this.calls.push(what)
      await this.gate
      return answer
    }
    const plan = {
      moves: [{ shard: 3, from: "n1", to: "n2", reason: "n1 works more", kind: "balance" }],
      spread: { before: 2, after: 1.5 },
    }
    return {
      drainNode: (node) => asked(`drain ${node}`, undefined),
      reviveNode: (node) => asked(`revive ${node}`, undefined),
      planMoves: () => asked("plan", plan),
      rebalance: () => asked("rebalance", plan),
      whyShard: (shard) => asked(`why ${shard}`, [`${shard} is where it is`]),
      moveShard: async (shard, node) => {
        await asked(`move ${shard} ${node}`, undefined)
        throw skeinError("MoveRefused", `${node} is drained`, { shard, node })
      },
      decisions: (request) =>
        asked(`decisions ${request?.after}`, { log: this.name, decisions: [], last: 7 }),
    }
  }

  #catalogCalls(): CatalogCalls {
    const doomed: QueueRef[] = [{ shard: 3, generation: 103 }]
    return {
      declare: async (name, policy) => ({ ...this.#infoOf(name), policy }),
      delete: async (name) => (name === "queue3" ? doomed[0] : undefined),
      bury: async (generation) => {
        this.calls.push(`bury ${generation}`)
      },
      byName: async (name) => (name.startsWith("queue") ? this.#infoOf(name) : undefined),
      byGeneration: async (generation) =>
        generation < 200 ? this.#infoOf(`queue${generation - 100}`) : undefined,
      doomed: async (shard) => doomed.filter((queue) => queue.shard === shard),
      list: async () => ({ queues: [], next: "queue9" }),
    }
  }
}

const notAsked = () => Promise.reject(skeinError("InternalError", "not asked in these tests"))
