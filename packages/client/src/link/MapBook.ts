/**
 * Owns: the shard maps that were heard, one per open connection, and which of them counts: the
 * highest version, of equals the one heard last. What a connection said is forgotten with it, so
 * that a node that is gone cannot hold the client to its view; the last map stays until another
 * comes.
 * Must not know: links.
 */
import type { Shard } from "@skein/model"
import type { ShardMap, ShardMapNode } from "@skein/wire"

export class MapBook<Source> {
  map: ShardMap | undefined
  readonly #heard = new Map<Source, ShardMap>()

  /** `true` when another map counts now. */
  hear(source: Source, map: ShardMap): boolean {
    this.#heard.delete(source)
    this.#heard.set(source, map)
    return this.#choose()
  }

  /** `true` when another map counts now. */
  forget(source: Source): boolean {
    return this.#heard.delete(source) && this.#choose()
  }

  node(name: string): ShardMapNode | undefined {
    return this.map?.nodes.find((one) => one.node === name)
  }

  /** The name of the node that should have the shard. */
  ownerOf(shard: Shard): string | undefined {
    const { map } = this
    return map?.nodes[map.owners[shard] ?? -1]?.node
  }

  /** The node of which an error says that it has the shard, if a map has named it. */
  named(data: Readonly<Record<string, number | string>>): string | undefined {
    const { node, address } = data
    return this.map?.nodes.find((one) =>
      node === undefined ? one.address === address : one.node === node,
    )?.node
  }

  #choose(): boolean {
    let best: ShardMap | undefined
    for (const map of this.#heard.values()) {
      if (best === undefined || map.version >= best.version) best = map
    }
    if (best === undefined || best === this.map) return false
    this.map = best
    return true
  }
}
