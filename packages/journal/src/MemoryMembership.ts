/**
 * Owns: membership in memory, for several nodes in one process: a `MemoryNodes` is what a directory
 * is to the file driver, and each {@link memoryMembership} over it is one node's view. No clock: a
 * test says who falls silent.
 */
import type { InstanceId } from "@skein/model"
import type { Membership, NodeNote, SeenNode } from "./Membership.js"

/** The nodes that see each other. */
export class MemoryNodes {
  readonly #nodes = new Map<InstanceId, SeenNode>()
  readonly #listeners = new Set<() => void>()

  get nodes(): readonly SeenNode[] {
    return [...this.#nodes.values()]
  }

  join(note: NodeNote): void {
    this.#put({ ...note, silent: false, dead: false })
  }

  tell(
    instance: InstanceId,
    change: Partial<Pick<NodeNote, "address" | "givenUp" | "state">>,
  ): void {
    this.#change(instance, change)
  }

  /** No sign of life any more. `dead`: its process is gone for certain. */
  silence(instance: InstanceId, dead = false): void {
    this.#change(instance, { silent: true, dead })
  }

  /** A node that was paused goes on. */
  awake(instance: InstanceId): void {
    this.#change(instance, { silent: false, dead: false })
  }

  /** It took its sign away, or somebody tidied up behind it. */
  forget(instance: InstanceId): void {
    if (this.#nodes.delete(instance)) this.#tellAll()
  }

  onChange(listener: () => void): () => void {
    // A function of its own, so that one listener may be added twice.
    const own = () => listener()
    this.#listeners.add(own)
    return () => {
      this.#listeners.delete(own)
    }
  }

  #change(instance: InstanceId, change: Partial<SeenNode>): void {
    const node = this.#nodes.get(instance)
    if (node !== undefined) this.#put({ ...node, ...change })
  }

  #put(node: SeenNode): void {
    this.#nodes.set(node.instance, node)
    this.#tellAll()
  }

  #tellAll(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Joins `nodes` and sees them. */
export const memoryMembership = (nodes: MemoryNodes, note: NodeNote): Membership => {
  nodes.join(note)
  return {
    self: note.instance,
    tell: async (change) => nodes.tell(note.instance, change),
    nodes: () => nodes.nodes,
    onChange: (listener) => nodes.onChange(listener),
  }
}
