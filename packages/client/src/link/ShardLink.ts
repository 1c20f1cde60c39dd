/**
 * Owns: the way to one shard, wherever that is: it follows the newest map, what a node answers that
 * does not serve the shard, and the loss of connections. To its users a change of owner looks like
 * a reconnect: `linkDown`, then `linkUp`.
 * Must not know: how links to nodes are opened and kept (FabricRouter.ts).
 *
 * Tricky: an error of an older view says nothing about the present one and is not heard. A node
 * that names another one is left for it at once, but two such hops without an answer in between
 * mean that nodes disagree: then every further step waits, as it does when nobody is named.
 */
import { isSkeinError, type Shard, type SkeinError } from "@skein/model"
import { clientLimits } from "../clientLimits.js"
import { backoffMs, type Runtime } from "../Runtime.js"
import type { FabricConnection, Link, LinkUser } from "./FabricConnection.js"
import type { FabricLink } from "./FabricLink.js"
import { watchFabric } from "./watchFabric.js"

/** What a shard's link asks of its router. */
export interface ShardRoutes {
  /** A map was heard: there are several nodes, and one may send us to another. */
  readonly hasMap: () => boolean
  /** The node that should have the shard, by the map. */
  readonly ownerOf: (shard: Shard) => string | undefined
  /** The node that a refusal names, if a map knows it. */
  readonly named: (error: SkeinError) => string | undefined
  readonly isKnown: (node: string) => boolean
  /** The way to a node; `undefined`: to any. */
  readonly linkTo: (node: string | undefined) => FabricLink
  /** The link aims elsewhere now: what it used may be of no use any more. */
  readonly changed: () => void
}

const soonBounds = {
  minMs: clientLimits.shardRetryDelayMinMs,
  maxMs: clientLimits.shardRetryDelayMaxMs,
}
const lateBounds = { ...soonBounds, maxMs: clientLimits.shardRetryLateDelayMaxMs }

export class ShardLink implements Link {
  fabric: FabricConnection | undefined
  closedBy: SkeinError | undefined
  /** Where it goes; `undefined` while it has no users. */
  target: FabricLink | undefined
  readonly #runtime: Runtime
  readonly #shard: Shard
  readonly #routes: ShardRoutes
  readonly #users = new Set<LinkUser>()
  #detach: (() => void) | undefined
  #refusal: SkeinError | undefined
  /** A node said that another one has the shard; it holds while the map says what it said then. */
  #redirect: { readonly node: string; readonly owner: string | undefined } | undefined
  /** Refusals since the last answer, and how many of them were followed at once. */
  #attempt = 0
  #hops = 0
  #cancelRetry: (() => void) | undefined
  readonly #targetUser: LinkUser = {
    linkUp: (root) => this.#up(root),
    linkDown: () => {
      this.#down()
      this.#redirect = undefined
      this.aim()
    },
    linkFailed: () => {
      // Whom a node has named cannot be reached: back to what the map says.
      if (this.#redirect === undefined) return
      this.#redirect = undefined
      this.aim()
    },
    linkClosed: (error) => this.#targetClosed(error),
  }

  constructor(runtime: Runtime, shard: Shard, routes: ShardRoutes) {
    this.#runtime = runtime
    this.#shard = shard
    this.#routes = routes
  }

  get lastError(): SkeinError | undefined {
    return this.#refusal ?? this.target?.lastError
  }

  attach(user: LinkUser): () => void {
    this.#users.add(user)
    if (this.closedBy !== undefined) user.linkClosed(this.closedBy)
    else if (this.target === undefined) this.aim()
    else if (this.fabric !== undefined) user.linkUp(this.fabric)
    return () => {
      if (this.#users.delete(user) && this.#users.size === 0) this.#rest()
    }
  }

  /** Goes where the shard should be now; harmless where that is unchanged. */
  aim(): void {
    if (this.#users.size === 0 || this.closedBy !== undefined) return
    const wanted = this.#wanted()
    const isThere = wanted !== undefined && this.target?.fabric?.welcome?.node === wanted
    const link = isThere && this.target ? this.target : this.#routes.linkTo(wanted)
    if (link === this.target) {
      // The first map has come: from now on a refusal is heard.
      const { fabric } = this
      if (fabric !== undefined && fabric.root === undefined && this.#routes.hasMap()) {
        this.#down()
        this.#up(fabric)
      }
      return
    }
    this.#stopRetry()
    this.#leave()
    this.target = link
    this.#detach = link.attach(this.#targetUser)
    this.#routes.changed()
  }

  /** Another map counts now. */
  mapChanged(): void {
    const redirect = this.#redirect
    if (redirect !== undefined) {
      const isStale = this.#routes.ownerOf(this.#shard) !== redirect.owner
      if (isStale || !this.#routes.isKnown(redirect.node)) this.#redirect = undefined
    }
    // Waiting on a refusal: the map may tell that it is over.
    if (this.#cancelRetry !== undefined) this.#hops = 0
    this.aim()
  }

  close(error: SkeinError): void {
    if (this.closedBy !== undefined) return
    this.closedBy = error
    this.fabric = undefined
    this.#stopRetry()
    this.#detach?.()
    this.#detach = undefined
    for (const user of [...this.#users]) user.linkClosed(error)
    this.#users.clear()
  }

  #wanted(): string | undefined {
    if (this.#redirect !== undefined) return this.#redirect.node
    const owner = this.#routes.ownerOf(this.#shard)
    // Nobody is known: stay while somebody answers, who may well serve it still.
    return owner ?? this.fabric?.root?.welcome?.node
  }

  #up(root: FabricConnection): void {
    if (this.#cancelRetry !== undefined) return
    let view = root
    if (this.#routes.hasMap()) {
      view = watchFabric(root, {
        answered: () => {
          if (this.fabric === view) this.#served()
        },
        refused: (error) => {
          if (this.fabric === view && isSkeinError(error)) this.#refused(error)
        },
      })
    }
    this.fabric = view
    for (const user of [...this.#users]) {
      if (this.fabric === view && this.#users.has(user)) user.linkUp(view)
    }
  }

  #down(): void {
    if (this.fabric === undefined) return
    this.fabric = undefined
    for (const user of [...this.#users]) if (this.#users.has(user)) user.linkDown()
  }

  #served(): void {
    this.#attempt = 0
    this.#hops = 0
    this.#refusal = undefined
  }

  /** The node does not serve the shard: to the one it names, or here again in a moment. */
  #refused(error: SkeinError): void {
    if (error._tag !== "Moved" && error._tag !== "ShardUnavailable") return
    const here = this.fabric?.root?.welcome?.node
    this.#refusal = error
    const node = error._tag === "Moved" ? this.#routes.named(error) : undefined
    if (node !== undefined && node !== here) {
      this.#redirect = { node, owner: this.#routes.ownerOf(this.#shard) }
    } else if (error._tag === "Moved") {
      this.#redirect = undefined
    }
    const atOnce = node !== undefined && node !== here && this.#hops < clientLimits.shardHopsMax
    if (atOnce) {
      this.#hops++
      this.#down()
      this.aim()
      if (this.fabric !== undefined || this.target?.fabric === undefined) return
    }
    this.#down()
    this.#retryLater()
  }

  /** Meanwhile the link is down, so that nothing is sent in vain; a new map ends the wait. */
  #retryLater(): void {
    const bounds = this.#attempt < clientLimits.shardRetriesSoon ? soonBounds : lateBounds
    const delayMs = backoffMs(this.#runtime.random, this.#attempt, bounds)
    this.#attempt++
    this.#stopRetry()
    this.#cancelRetry = this.#runtime.clock.setTimer(delayMs, () => {
      this.#cancelRetry = undefined
      const { target } = this
      this.aim()
      // Where it aims is unchanged: the same connection once more.
      if (target === this.target && this.fabric === undefined && target?.fabric !== undefined) {
        this.#up(target.fabric)
      }
    })
  }

  #stopRetry(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }

  #targetClosed(error: SkeinError): void {
    this.#detach = undefined
    this.target = undefined
    // A node's link is closed when no map names the node any more; the way to any node, for good.
    if (this.#routes.hasMap() && this.#routes.linkTo(undefined).closedBy === undefined) {
      this.#down()
      this.aim()
    } else this.close(error)
  }

  #leave(): void {
    this.#detach?.()
    this.#detach = undefined
    this.target = undefined
    this.#down()
  }

  /** Nobody needs it: it follows nothing, and begins anew with the next user. */
  #rest(): void {
    this.#stopRetry()
    this.#leave()
    this.#attempt = 0
    this.#hops = 0
    this.#redirect = undefined
    this.#routes.changed()
  }
}
