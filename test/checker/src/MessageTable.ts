/**
 * What the logs say of each message, in number columns outside the heap: about 200 bytes a
 * message, so that ten million fit one checker. A row is found by (process, counter) and may
 * be made by a delivery before the publish is read, because logs are read file after file.
 *
 * Holds facts only; what they mean is judged in `judge.ts`.
 */

const rowsPerChunk = 65_536
const countersPerChunk = 4_096

/** A number per row, zero until set. */
export class Column {
  readonly #chunks: Array<Float64Array> = []

  get(row: number): number {
    const chunk = this.#chunks[Math.floor(row / rowsPerChunk)]
    return chunk === undefined ? 0 : chunk[row % rowsPerChunk]
  }

  set(row: number, value: number): void {
    const index = Math.floor(row / rowsPerChunk)
    while (this.#chunks.length <= index) this.#chunks.push(new Float64Array(rowsPerChunk))
    this.#chunks[index][row % rowsPerChunk] = value
  }

  add(row: number, value: number): void {
    this.set(row, this.get(row) + value)
  }
}

/** Bits of the `facts` column. */
export const Fact = {
  invoked: 1,
  confirmed: 2,
  refused: 4,
  /** The client gave up waiting: `info`. */
  unknown: 8,
  ended: 2 | 4 | 8,
  /** Delivered under two different (generation, sequence). */
  doubled: 16,
  /** Two deliveries disagree about the bytes or the queue. */
  bytesDiffer: 32,
  queuesDiffer: 64,
  /** Unflagged although its own counts say that it had been delivered before. */
  countedButUnflagged: 128,
  /** Two terminal settles were confirmed under different tags. */
  settledTwice: 256,
} as const

/** Gives each text a small number and back. */
export class Names {
  readonly #index = new Map<string, number>()
  readonly #names: Array<string> = []

  indexOf(name: string): number {
    const known = this.#index.get(name)
    if (known !== undefined) return known
    this.#index.set(name, this.#names.length)
    return this.#names.push(name) - 1
  }

  nameOf(index: number): string {
    return this.#names[index] ?? "?"
  }

  get count(): number {
    return this.#names.length
  }
}

export class MessageTable {
  readonly facts = new Column()
  readonly queue = new Column()
  readonly producer = new Column()
  /** Hash as a number: 48 bits. */
  readonly body = new Column()
  /** Dedup group + 1; 0 without a dedup id. */
  readonly dedup = new Column()
  /** When the publish was sent and when its outcome was known; 0: never. */
  readonly invokedAt = new Column()
  readonly endedAt = new Column()

  readonly deliveries = new Column()
  readonly deliveredBody = new Column()
  readonly deliveredQueue = new Column()
  readonly generation = new Column()
  readonly sequence = new Column()
  /** Oldest tag of all deliveries, and of the unflagged ones. */
  readonly oldestEpoch = new Column()
  readonly oldestAttempt = new Column()
  readonly unflagged = new Column()
  readonly unflaggedEpoch = new Column()
  readonly unflaggedAttempt = new Column()
  /** Latest moment at which a client asked for what became a delivery. */
  readonly sinceLatest = new Column()

  readonly settleInvokes = new Column()
  readonly settleRefusals = new Column()
  readonly settleConfirms = new Column()
  /** Of the first confirmed terminal settle. */
  readonly settledAt = new Column()
  readonly settledEpoch = new Column()
  readonly settledAttempt = new Column()

  readonly #rows = new Map<string, Map<number, Int32Array>>()
  #rowCount = 0

  get rowCount(): number {
    return this.#rowCount
  }

  /** The row of a message; made when first asked for. */
  row(process: string, counter: number): number {
    let chunks = this.#rows.get(process)
    if (chunks === undefined) {
      chunks = new Map()
      this.#rows.set(process, chunks)
    }
    const index = Math.floor(counter / countersPerChunk)
    let chunk = chunks.get(index)
    if (chunk === undefined) {
      chunk = new Int32Array(countersPerChunk)
      chunks.set(index, chunk)
    }
    const place = counter % countersPerChunk
    if (chunk[place] === 0) chunk[place] = ++this.#rowCount
    return chunk[place] - 1
  }

  /** Every row, process after process, in the order of the counters: the publish order. */
  forEach(visit: (row: number, process: string, counter: number) => void): void {
    for (const [process, chunks] of this.#rows) {
      for (const index of [...chunks.keys()].sort((left, right) => left - right)) {
        const chunk = chunks.get(index) as Int32Array
        for (let place = 0; place < countersPerChunk; place++) {
          if (chunk[place] === 0) continue
          visit(chunk[place] - 1, process, index * countersPerChunk + place)
        }
      }
    }
  }

  has(row: number, fact: number): boolean {
    return (this.facts.get(row) & fact) !== 0
  }

  mark(row: number, fact: number): void {
    this.facts.set(row, this.facts.get(row) | fact)
  }
}
