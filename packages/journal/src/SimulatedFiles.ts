/**
 * Owns: files and directories of the simulated disk: what is there now, what is durable, and what
 * lies between, which a crash decides by dice.
 */
import type { SeededRandom } from "./SeededRandom.js"

type FileChange =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number }

/** Bytes that can grow. */
class Content {
  #bytes = Buffer.alloc(0)
  size = 0

  apply(change: FileChange): void {
    if (change.kind === "truncate") {
      if (change.size > this.size) this.#grow(change.size)
      this.#bytes.fill(0, change.size)
      this.size = change.size
      return
    }
    const end = change.position + change.bytes.length
    this.#grow(end)
    this.#bytes.set(change.bytes, change.position)
    this.size = Math.max(this.size, end)
  }

  read(position: number, length: number): Uint8Array {
    const end = Math.min(this.size, position + length)
    return this.#bytes.subarray(Math.min(position, end), end)
  }

  copyFrom(other: Content): void {
    this.#bytes = Buffer.from(other.#bytes.subarray(0, other.size))
    this.size = other.size
  }

  #grow(size: number): void {
    if (size <= this.#bytes.length) return
    const grown = Buffer.alloc(Math.max(size, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.size)
    this.#bytes = grown
  }
}

export class SimulatedFile {
  readonly #now = new Content()
  readonly #durable = new Content()
  #unsynced: FileChange[] = []

  get size(): number {
    return this.#now.size
  }

  read(position: number, length: number): Uint8Array {
    return this.#now.read(position, length)
  }

  write(position: number, bytes: Uint8Array): void {
    this.#change({ kind: "write", position, bytes: Uint8Array.from(bytes) })
  }

  truncate(size: number): void {
    this.#change({ kind: "truncate", size })
  }

  sync(): void {
    for (const change of this.#unsynced) this.#durable.apply(change)
    this.#unsynced = []
  }

  crash(random: SeededRandom): void {
    const changes = this.#unsynced
    this.#unsynced = []
    if (changes.length > 0 && random.chance(0.5)) shuffle(changes, random)
    for (const change of changes) {
      const fate = random.below(4)
      if (fate === 0) continue
      if (change.kind === "write" && fate === 1) this.#durable.apply(torn(change, random))
      else this.#durable.apply(change)
    }
    this.#now.copyFrom(this.#durable)
  }

  copyInto(other: SimulatedFile): void {
    other.#now.copyFrom(this.#now)
    other.#durable.copyFrom(this.#now)
  }

  #change(change: FileChange): void {
    this.#now.apply(change)
    this.#unsynced.push(change)
  }
}

type Node = SimulatedFile | SimulatedDirectory

type NameChange =
  | { readonly kind: "put"; readonly name: string; readonly node: Node }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "move"; readonly name: string; readonly to: string; readonly node: Node }

export class SimulatedDirectory {
  readonly #now = new Map<string, Node>()
  #durable = new Map<string, Node>()
  #unsynced: NameChange[] = []

  get names(): string[] {
    return [...this.#now.keys()]
  }

  get bytes(): number {
    let bytes = 0
    for (const node of this.#now.values()) {
      bytes += node instanceof SimulatedDirectory ? node.bytes : node.size
    }
    return bytes
  }

  get(name: string): Node | undefined {
    return this.#now.get(name)
  }

  put(name: string, node: Node): void {
    this.#change({ kind: "put", name, node })
  }

  remove(name: string): void {
    this.#change({ kind: "remove", name })
  }

  move(name: string, to: string): void {
    const node = this.#now.get(name)
    if (node !== undefined) this.#change({ kind: "move", name, to, node })
  }

  sync(): void {
    this.#durable = new Map(this.#now)
    this.#unsynced = []
  }

  crash(random: SeededRandom): void {
    for (const change of this.#unsynced) {
      if (random.chance(0.5)) apply(this.#durable, change)
    }
    this.#unsynced = []
    this.#now.clear()
    for (const [name, node] of this.#durable) {
      this.#now.set(name, node)
      node.crash(random)
    }
  }

  copyInto(other: SimulatedDirectory): void {
    for (const [name, node] of this.#now) {
      const twin =
        node instanceof SimulatedDirectory ? new SimulatedDirectory() : new SimulatedFile()
      if (node instanceof SimulatedDirectory) node.copyInto(twin as SimulatedDirectory)
      else node.copyInto(twin as SimulatedFile)
      other.put(name, twin)
    }
    other.sync()
  }

  #change(change: NameChange): void {
    apply(this.#now, change)
    this.#unsynced.push(change)
  }
}

const apply = (names: Map<string, Node>, change: NameChange): void => {
  if (change.kind === "put") names.set(change.name, change.node)
  else if (change.kind === "remove") names.delete(change.name)
  else {
    // A rename is atomic: both names change, or neither. The name it takes may have been lost.
    if (names.get(change.name) === change.node) names.delete(change.name)
    names.set(change.to, change.node)
  }
}

/** A part of a write, or all of it with a stretch of wrong bytes. */
const torn = (
  change: FileChange & { readonly kind: "write" },
  random: SeededRandom,
): FileChange => {
  const { position, bytes } = change
  const cut = random.below(bytes.length + 1)
  if (random.chance(0.4)) return { kind: "write", position, bytes: bytes.subarray(0, cut) }
  if (random.chance(0.5)) {
    return { kind: "write", position: position + cut, bytes: bytes.subarray(cut) }
  }
  const wrong = Uint8Array.from(bytes)
  for (let at = cut; at < Math.min(bytes.length, cut + 64); at++) wrong[at] = random.below(256)
  return { kind: "write", position, bytes: wrong }
}

const shuffle = (changes: FileChange[], random: SeededRandom): void => {
  for (let at = changes.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const moved = changes[at]
    changes[at] = changes[other]
    changes[other] = moved
  }
}
