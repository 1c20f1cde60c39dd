/**
 * Owns: what all connections of a port hold together: bytes of requests that are not answered,
 * their number, bytes of envelopes that are begun and not complete, and bytes of answers not taken
 * yet, and bytes of answers that are being prepared.
 */
export class Budget {
  /** Of envelopes begun; each connection keeps its part current. */
  partialBytes = 0
  /** Of answers that peers have not taken, as of each connection's last write or drain. */
  unsentBytes = 0
  /** Of answers being prepared, as estimated when their requests were taken. */
  #answerBytes = 0
  readonly #answerBytesMax: number
  #answersWaiting: (() => void)[] = []
  #inFlightBytes = 0
  #requests = 0
  readonly #inFlightBytesMax: number
  #waiting: (() => void)[] = []
  #onQuiet: (() => void) | undefined

  constructor(inFlightBytesMax: number, answerBytesMax: number) {
    this.#inFlightBytesMax = inFlightBytesMax
    this.#answerBytesMax = answerBytesMax
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  get answerBytes(): number {
    return this.#answerBytes
  }

  get answerBytesFree(): number {
    return Math.max(0, this.#answerBytesMax - this.#answerBytes)
  }

  get requests(): number {
    return this.#requests
  }

  get isSpent(): boolean {
    return this.#inFlightBytes > this.#inFlightBytesMax
  }

  begin(byteCount: number): void {
    this.#requests++
    this.#inFlightBytes += byteCount
  }

  /** Bytes are released at the answer, or before it when the request no longer needs them. */
  release(byteCount: number): void {
    this.#inFlightBytes -= byteCount
    if (this.#waiting.length === 0 || this.#inFlightBytes > this.#inFlightBytesMax / 2) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  beginAnswer(byteCount: number): void {
    this.#answerBytes += byteCount
  }

  endAnswer(byteCount: number): void {
    this.#answerBytes -= byteCount
    if (byteCount === 0 || this.#answersWaiting.length === 0) return
    const waiting = this.#answersWaiting
    this.#answersWaiting = []
    for (const resume of waiting) resume()
  }

  /** Calls `resume` once, when an answer was given. */
  whenAnswered(resume: () => void): void {
    this.#answersWaiting.push(resume)
  }

  end(requests: number): void {
    this.#requests -= requests
    if (this.#requests === 0) this.#onQuiet?.()
  }

  /** Calls `resume` once, when half of the bytes are free again. */
  whenFree(resume: () => void): void {
    this.#waiting.push(resume)
  }

  /** Calls `run` whenever no request is in flight any more, and now if none is. */
  whenQuiet(run: () => void): void {
    this.#onQuiet = run
    if (this.#requests === 0) run()
  }
}
