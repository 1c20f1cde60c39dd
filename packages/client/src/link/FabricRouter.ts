/**
 * Owns: every connection of one client: a link to any node (control calls, the first map), one link
 * per node whose shards are used, one link per shard in use (ShardLink.ts), and the map that says
 * where shards are.
 * Must not know: what is sent over them.
 *
 * A fabric that sends no map has the first link only. With a map of several nodes the client
 * listens to at least two, so that one that is dead, or stopped with its sockets open, cannot hide
 * that its shards were taken over. Only addresses of maps and those that the program gave are ever
 * connected to. Shutdown: shards' links first, so that none of them looks for another way.
 */
import { limits, type Shard, type SkeinError, skeinError } from "@skein/model"
import type { ShardMap, ShardMapNode } from "@skein/wire"
import { clientLimits } from "../clientLimits.js"
import { ignore } from "../Deferred.js"
import { type Runtime, randomFraction } from "../Runtime.js"
import type { FabricConnection, OpenFabric } from "./FabricConnection.js"
import { FabricLink } from "./FabricLink.js"
import { MapBook } from "./MapBook.js"
import { type Attempt, openAny } from "./openAny.js"
import { ShardLink, type ShardRoutes } from "./ShardLink.js"

export class FabricRouter {
  /** To any node: for control calls, which nodes forward to each other. */
  readonly control: FabricLink
  readonly #runtime: Runtime
  readonly #openFabric: OpenFabric
  readonly #book = new MapBook<FabricConnection>()
  readonly #nodes = new Map<string, FabricLink>()
  /** Neither used nor named by the map, with what keeps them from being closed soon. */
  readonly #needless = new Map<FabricLink, () => void>()
  readonly #shards = new Map<Shard, ShardLink>()
  readonly #routes: ShardRoutes
  /** Several links change at once: what they need is looked at afterwards. */
  #changing = false
  /** Where the control link was last: its next connection rather goes elsewhere. */
  #lastNode: string | undefined
  /** When it may be renewed again for being at a node that no map names. */
  #staysUntilMs = 0
  #cancelLeaving: () => void = ignore
  /** A node that is connected to only to be heard. */
  #witness: string | undefined
  #closedBy: SkeinError | undefined

  constructor(runtime: Runtime, openFabric: OpenFabric) {
    this.#runtime = runtime
    this.#openFabric = openFabric
    this.#routes = {
      hasMap: () => this.#book.map !== undefined,
      ownerOf: (shard) => this.#book.ownerOf(shard),
      named: (error) => this.#book.named(error.data),
      isKnown: (node) => this.#book.node(node) !== undefined,
      linkTo: (node) => this.#linkTo(node),
      changed: () => this.#tidy(),
    }
    this.control = new FabricLink(runtime, {
      open: (signal) => this.#openAny(signal),
      endsBy: (error, wasUp) =>
        this.#book.map === undefined &&
        (error._tag === "FabricClosed" || (!wasUp && !error.retryable)),
    })
    this.#listen(this.control)
  }

  /** The way to a shard; the same for the same shard. */
  shard(shard: Shard): ShardLink {
    const there = this.#shards.get(shard)
    if (there !== undefined) return there
    const link = new ShardLink(this.#runtime, shard, this.#routes)
    if (this.#closedBy !== undefined) link.close(this.#closedBy)
    this.#shards.set(shard, link)
    return link
  }

  /** Some node is connected. */
  get isUp(): boolean {
    if (this.control.fabric !== undefined) return true
    for (const link of this.#nodes.values()) if (link.fabric !== undefined) return true
    return false
  }

  /** Ends every link for good; again and late: harmless. */
  async close(error = skeinError("FabricClosed", "the client was closed")): Promise<void> {
    if (this.#closedBy !== undefined) return
    this.#closedBy = error
    this.#cancelLeaving()
    for (const cancel of this.#needless.values()) cancel()
    for (const link of this.#shards.values()) link.close(error)
    const links = [this.control, ...this.#nodes.values()]
    this.#nodes.clear()
    await Promise.all(links.map((link) => link.close(error)))
  }

  #linkTo(node: string | undefined): FabricLink {
    if (node === undefined || this.control.fabric?.welcome?.node === node) return this.control
    const there = this.#nodes.get(node)
    if (there !== undefined) return there
    if (this.#nodes.size >= limits.nodesMax) return this.control
    const link = new FabricLink(this.#runtime, {
      open: (signal) => this.#openNode(node, signal),
      endsBy: () => false,
    })
    this.#nodes.set(node, link)
    this.#listen(link)
    return link
  }

  /** Hears the maps of each of the link's connections. */
  #listen(link: FabricLink): void {
    let fabric: FabricConnection | undefined
    let stop: () => unknown = ignore
    const forget = (): void => {
      stop()
      stop = ignore
      if (fabric !== undefined && this.#book.forget(fabric)) this.#mapChanged()
      fabric = undefined
    }
    link.attach({
      linkUp: (up) => {
        fabric = up
        if (link === this.control) this.#lastNode = up.welcome?.node
        const hear = (map: ShardMap): void => this.#hear(up, map)
        stop = up.onShardMap?.(hear) ?? ignore
        const map = up.shardMap?.()
        if (map !== undefined) hear(map)
        else if (link === this.control) this.#tidy()
      },
      linkDown: forget,
      linkClosed: forget,
    })
  }

  #hear(from: FabricConnection, map: ShardMap): void {
    if (this.#closedBy === undefined && this.#book.hear(from, map)) this.#mapChanged()
  }

  #mapChanged(): void {
    if (this.#closedBy !== undefined) return
    this.#changing = true
    // It may have another address now, or be there again.
    for (const [name, link] of this.#nodes) if (this.#book.node(name)) link.retryNow()
    for (const link of this.#shards.values()) link.mapChanged()
    this.#leaveUnnamed()
    this.#changing = false
    this.#tidy()
  }

  /**
   * No map names the node that the control link is at: it may be stopped and never answer. It is
   * left at once, but not soon again: two nodes that name only each other would be left for each
   * other for ever.
   */
  #leaveUnnamed(): void {
    const here = this.control.fabric?.welcome?.node
    if (here === undefined || this.#book.node(here) || this.#others(here).length === 0) return
    const { clock } = this.#runtime
    const waitMs = this.#staysUntilMs - clock.monotonicMs()
    this.#cancelLeaving()
    if (waitMs > 0) {
      this.#cancelLeaving = clock.setTimer(waitMs, () => this.#mapChanged())
      return
    }
    this.#staysUntilMs = clock.monotonicMs() + clientLimits.unnamedNodeMs
    this.control.renew(gone(here))
  }

  /** Opens and closes links as the map and their use ask for. */
  #tidy(): void {
    if (this.#changing || this.#closedBy !== undefined) return
    const used = new Set<FabricLink>()
    for (const { target } of this.#shards.values()) if (target !== undefined) used.add(target)
    const heard = new Set<string>()
    const here = this.control.fabric?.welcome?.node
    if (here !== undefined) heard.add(here)
    for (const [name, link] of this.#nodes) if (used.has(link)) heard.add(name)
    this.#chooseWitness(used.size > 0 && heard.size === 1 ? [...heard][0] : undefined)
    for (const [name, link] of this.#nodes) {
      if (used.has(link) || name === this.#witness || this.#book.node(name) !== undefined) {
        this.#needless.get(link)?.()
        this.#needless.delete(link)
      } else if (!this.#needless.has(link)) this.#closeLater(name, link)
    }
  }

  /**
   * Not at once: what its node says is forgotten with it, another node's map may then ask for it
   * again, and that map be overruled as soon as it is up: the two would be opened and closed for
   * ever.
   */
  #closeLater(name: string, link: FabricLink): void {
    const cancel = this.#runtime.clock.setTimer(clientLimits.needlessLinkMs, () => {
      this.#needless.delete(link)
      this.#nodes.delete(name)
      link.close(gone(name)).catch(ignore)
    })
    this.#needless.set(link, cancel)
  }

  /** `only`: the one node that would be heard without a witness. */
  #chooseWitness(only: string | undefined): void {
    const others = only === undefined ? [] : this.#others(only)
    if (others.some(({ node }) => node === this.#witness)) return
    this.#witness = others[this.#below(others.length)]?.node
    if (this.#witness !== undefined) this.#linkTo(this.#witness)
  }

  #others(name: string | undefined): readonly ShardMapNode[] {
    return this.#book.map?.nodes.filter((one) => one.node !== name) ?? []
  }

  /** Any node: those of the map from a random one on, then whom the program named. */
  #openAny(signal: AbortSignal): Promise<FabricConnection> {
    const others = this.#others(this.#lastNode)
    const from = this.#below(others.length)
    const nodes = [...others.slice(from), ...others.slice(0, from)].map(({ node }) => node)
    if (this.#lastNode !== undefined && this.#book.node(this.#lastNode)) nodes.push(this.#lastNode)
    const attempts = nodes.map(
      (node): Attempt =>
        (aborted) =>
          this.#openNode(node, aborted),
    )
    attempts.push((aborted) => this.#openFabric(aborted))
    return openAny(this.#runtime.clock, attempts, clientLimits.connectStaggerMs, signal)
  }

  async #openNode(name: string, signal: AbortSignal): Promise<FabricConnection> {
    const node = this.#book.node(name)
    if (node === undefined) throw gone(name)
    const fabric = await this.#openFabric(signal, node.address)
    const { welcome } = fabric
    if (welcome !== undefined && welcome.node !== name && welcome.instance !== node.instance) {
      fabric.close().catch(ignore)
      const detail = `at ${node.address} answers ${welcome.node}, not ${name}`
      throw skeinError("ConnectionFailed", detail)
    }
    return fabric
  }

  #below(count: number): number {
    return Math.floor(randomFraction(this.#runtime.random) * count)
  }
}

const gone = (node: string): SkeinError =>
  skeinError("ConnectionFailed", `node ${node} has left the fabric`)
