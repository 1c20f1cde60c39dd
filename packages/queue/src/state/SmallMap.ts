/**
 * Owns: a map that holds one entry in most queues: a lone entry lies in the object itself, a hash
 * table is made for the second. An empty `Map` takes 184 bytes, and a queue has several.
 * In order of insertion, as a `Map`; entries may go while it is walked.
 */
export class SmallMap<Key extends number | string, Value> {
  private key: Key | undefined
  private value: Value | undefined
  /** All entries, from the second until none is left. */
  private table: Map<Key, Value> | undefined

  get size(): number {
    if (this.table !== undefined) return this.table.size
    return this.key === undefined ? 0 : 1
  }

  get(key: Key): Value | undefined {
    if (this.table !== undefined) return this.table.get(key)
    return this.key === key ? this.value : undefined
  }

  has(key: Key): boolean {
    return this.table === undefined ? this.key === key : this.table.has(key)
  }

  set(key: Key, value: Value): void {
    if (this.table !== undefined) this.table.set(key, value)
    else if (this.key === undefined || this.key === key) this.hold(key, value)
    else {
      this.table = new Map([[this.key, this.value as Value]]).set(key, value)
      this.hold(undefined, undefined)
    }
  }

  delete(key: Key): boolean {
    if (this.table !== undefined) {
      const was = this.table.delete(key)
      if (this.table.size === 0) this.table = undefined
      return was
    }
    if (this.key !== key) return false
    this.hold(undefined, undefined)
    return true
  }

  clear(): void {
    this.table = undefined
    this.hold(undefined, undefined)
  }

  keys(): IterableIterator<Key> {
    if (this.table !== undefined) return this.table.keys()
    return (this.key === undefined ? [] : [this.key]).values()
  }

  values(): IterableIterator<Value> {
    if (this.table !== undefined) return this.table.values()
    return (this.key === undefined ? [] : [this.value as Value]).values()
  }

  private hold(key: Key | undefined, value: Value | undefined): void {
    this.key = key
    this.value = value
  }
}
