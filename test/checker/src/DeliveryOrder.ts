/**
 * I5, the consumers' half: unflagged deliveries of a queue ascend in sequence.
 *
 * Within one process the order of its log counts. Between processes only what is certain
 * counts: if one had received sequence 90 before another even asked, the other cannot be given
 * an unflagged 80 any more.
 *
 *   A   ask |------| received 90
 *   B                             ask |------| received 80     violation
 *   C           ask |------------------------| received 70     may have been sent before 90
 */

export interface OrderViolation {
  readonly queue: number
  readonly process: string
  readonly sequence: number
  /** The higher sequence that had been delivered before. */
  readonly after: number
  readonly kind: "within" | "between"
}

/** Unflagged deliveries of one process from one queue, in the order of its log. */
class Stream {
  readonly receivedNs: Array<number> = []
  readonly sinceNs: Array<number> = []
  readonly sequence: Array<number> = []
  highest = -1
}

export class DeliveryOrder {
  /** By queue and generation, then by process. */
  readonly #queues = new Map<string, { queue: number; streams: Map<string, Stream> }>()
  readonly #within: Array<OrderViolation> = []

  /** Takes unflagged deliveries; those of one process in the order of its log. */
  add(
    where: { readonly queue: number; readonly generation: number; readonly process: string },
    sequence: number,
    receivedNs: number,
    sinceNs: number,
  ): void {
    const { queue, generation, process } = where
    const key = `${queue}/${generation}`
    let entry = this.#queues.get(key)
    if (entry === undefined) {
      entry = { queue, streams: new Map() }
      this.#queues.set(key, entry)
    }
    let stream = entry.streams.get(process)
    if (stream === undefined) {
      stream = new Stream()
      entry.streams.set(process, stream)
    }
    if (sequence < stream.highest) {
      this.#within.push({ queue, process, sequence, after: stream.highest, kind: "within" })
      return
    }
    stream.highest = sequence
    stream.receivedNs.push(receivedNs)
    stream.sinceNs.push(sinceNs)
    stream.sequence.push(sequence)
  }

  violations(): ReadonlyArray<OrderViolation> {
    const found = [...this.#within]
    for (const { queue, streams } of this.#queues.values()) {
      if (streams.size > 1) found.push(...between(queue, streams))
    }
    return found
  }
}

const between = (queue: number, streams: Map<string, Stream>): Array<OrderViolation> => {
  const history = mergeByReceipt([...streams.values()])
  const found: Array<OrderViolation> = []
  for (const [process, stream] of streams) {
    for (let index = 0; index < stream.sequence.length; index++) {
      const sequence = stream.sequence[index]
      const after = highestBefore(history, stream.sinceNs[index])
      if (after > sequence) found.push({ queue, process, sequence, after, kind: "between" })
    }
  }
  return found
}

interface History {
  readonly receivedNs: Float64Array
  /** Highest sequence received by anybody up to the moment of the same index. */
  readonly highest: Float64Array
}

/** Streams are few and each ascends in time, so a scan over their heads is linear enough. */
const mergeByReceipt = (streams: ReadonlyArray<Stream>): History => {
  const total = streams.reduce((sum, stream) => sum + stream.sequence.length, 0)
  const receivedNs = new Float64Array(total)
  const highest = new Float64Array(total)
  const heads = streams.map(() => 0)
  let seen = -1
  for (let index = 0; index < total; index++) {
    let earliest = -1
    for (let each = 0; each < streams.length; each++) {
      if (heads[each] >= streams[each].receivedNs.length) continue
      if (
        earliest < 0 ||
        streams[each].receivedNs[heads[each]] < streams[earliest].receivedNs[heads[earliest]]
      ) {
        earliest = each
      }
    }
    const head = heads[earliest]++
    seen = Math.max(seen, streams[earliest].sequence[head])
    receivedNs[index] = streams[earliest].receivedNs[head]
    highest[index] = seen
  }
  return { receivedNs, highest }
}

/** The highest sequence received strictly before `timeNs`; -1 for none. */
const highestBefore = (history: History, timeNs: number): number => {
  let low = 0
  let high = history.receivedNs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (history.receivedNs[middle] < timeNs) low = middle + 1
    else high = middle
  }
  return low === 0 ? -1 : history.highest[low - 1]
}
