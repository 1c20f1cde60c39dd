/**
 * Owns: a fabric of several fake nodes over one store: who owns which shard, what each node knows
 * of that, moves that carry leases, kills that lose them, nodes that are stopped and go on.
 * Must not know: the library under test.
 */
import { type Clock, type SkeinError, skeinError } from "@skein/model"
import type { ShardMap } from "@skein/wire"
import type { FabricConnection } from "../link/FabricConnection.js"
import { FakeFabric, FakeStore } from "./FakeFabric.js"

interface FakeNode {
  readonly name: string
  readonly address: string
  readonly fabric: FakeFabric
  isAlive: boolean
  starts: number
  /** The map as this node has heard it. */
  knows: ShardMap
  /** Who has connected while it is stopped: goes on, or fails, with it. */
  readonly atDoor: ((isAlive: boolean) => void)[]
}

export class FakeCluster {
  readonly nodes: readonly FakeNode[]
  /** By shard: the node that serves it, or -1. */
  readonly owners: number[]
  /** Whether a node that refuses names whom it believes to be the owner. */
  namesOwners = true
  /** Addresses that somebody tried to connect to; `undefined`: to any. */
  readonly asked: (string | undefined)[] = []
  readonly store: FakeStore
  readonly #epochs: number[]
  #version = 1

  constructor(clock: Clock, nodes: number, shards: number) {
    this.owners = Array.from({ length: shards }, (_, shard) => shard % nodes)
    this.#epochs = Array.from({ length: shards }, () => 1)
    this.store = new FakeStore(shards, (shard) => this.#epochs[shard])
    const nowhere: ShardMap = { version: 0, nodes: [], owners: [] }
    this.nodes = Array.from({ length: nodes }, (_, at): FakeNode => {
      const name = `n${at}`
      const place = {
        node: name,
        instance: () => `${name}.${this.nodes[at].starts}`,
        refuses: (shard: number) => this.#refuses(at, shard),
        map: () => this.nodes[at].knows,
      }
      const fabric = new FakeFabric(clock, this.store, place)
      const address = `${name}:1`
      return { name, address, fabric, isAlive: true, starts: 1, knows: nowhere, atDoor: [] }
    })
    this.tellAll()
  }

  /** Without an address, whoever is alive holds the bootstrap address: the first. */
  open = async (signal: AbortSignal, address?: string): Promise<FabricConnection> => {
    this.asked.push(address)
    const node = this.nodes.find((one) =>
      address === undefined ? one.isAlive : one.address === address,
    )
    if (node === undefined || !node.isAlive) throw skeinError("ConnectionFailed", "nobody there")
    if (node.fabric.frozen !== undefined) {
      return new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(skeinError("Aborted", "given up")))
        node.atDoor.push((isAlive) => {
          if (isAlive) resolve(node.fabric.open())
          else reject(skeinError("ConnectionFailed", "it was killed"))
        })
      })
    }
    return node.fabric.open()
  }

  /** A planned move: leases and sessions' holdings go along, the old owner tells who waits. */
  move(shard: number, to: number): void {
    const from = this.owners[shard]
    if (from === to || from < 0 || !this.nodes[to].isAlive) return
    if (this.nodes[from].fabric.frozen !== undefined) return
    this.#own(shard, to)
    this.nodes[from].knows = this.truth()
    this.nodes[from].fabric.leave(shard)
    this.nodes[to].fabric.serve()
  }

  /** kill -9: its shards are nobody's. */
  kill(at: number): void {
    const node = this.nodes[at]
    if (!node.isAlive) return
    node.isAlive = false
    node.fabric.die()
    for (const go of node.atDoor.splice(0)) go(false)
    this.owners.forEach((owner, shard) => {
      if (owner === at) this.#lose(shard)
    })
    this.#version++
  }

  /** The process stands still with its sockets open. */
  stop(at: number): void {
    if (this.nodes[at].isAlive) this.nodes[at].fabric.frozen ??= []
  }

  start(at: number): void {
    const node = this.nodes[at]
    if (node.isAlive) {
      node.fabric.resume()
      for (const go of node.atDoor.splice(0)) go(true)
      return
    }
    node.isAlive = true
    node.starts++
    this.#version++
    node.knows = this.truth()
  }

  /** What no living node serves goes to `to`; so does what a stopped one had. */
  takeOver(to: number): void {
    const { isAlive, fabric } = this.nodes[to]
    if (!isAlive || fabric.frozen !== undefined) return
    this.owners.forEach((owner, shard) => {
      const isServed = owner >= 0 && this.nodes[owner].fabric.frozen === undefined
      if (isServed) return
      if (owner >= 0) this.#lose(shard)
      this.#own(shard, to)
    })
    fabric.serve()
  }

  /** The node hears the newest map and pushes it. */
  tell(at: number): void {
    const node = this.nodes[at]
    if (!node.isAlive || node.fabric.frozen !== undefined) return
    node.knows = this.truth()
    node.fabric.push(node.knows)
  }

  tellAll(): void {
    for (let at = 0; at < this.nodes.length; at++) this.tell(at)
  }

  truth(): ShardMap {
    const there = this.nodes.filter((one) => one.isAlive && one.fabric.frozen === undefined)
    return {
      version: this.#version,
      nodes: there.map(({ name, address, starts }) => ({
        node: name,
        instance: `${name}.${starts}`,
        address,
      })),
      owners: this.owners.map((owner) => (owner < 0 ? -1 : there.indexOf(this.nodes[owner]))),
    }
  }

  #own(shard: number, to: number): void {
    this.owners[shard] = to
    this.#epochs[shard]++
    this.#version++
    this.nodes[to].fabric.forgetFetches(shard)
    this.nodes[to].knows = this.truth()
  }

  #lose(shard: number): void {
    this.owners[shard] = -1
    for (const queue of this.store.byName.values()) if (queue.info.shard === shard) queue.crash()
  }

  #refuses(at: number, shard: number): SkeinError | undefined {
    if (this.owners[shard] === at) return undefined
    const { knows, name } = this.nodes[at]
    const owner = knows.nodes[knows.owners[shard] ?? -1]
    if (owner === undefined || owner.node === name) {
      return skeinError("ShardUnavailable", `shard ${shard} is being opened`)
    }
    const data = this.namesOwners ? { node: owner.node, address: owner.address } : {}
    return skeinError("Moved", `shard ${shard} is elsewhere`, data)
  }
}
