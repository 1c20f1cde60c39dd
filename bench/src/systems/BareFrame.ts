/** The frames of the bare loop. Pure bytes: no sockets, no files. */

export const bareKind = { publish: 1, subscribe: 2, ack: 3 } as const

export const bareHeadBytes = 8
const countMax = 0xff_ff_ff

/** The 8 bytes before a body. */
export const bareHead = (kind: number, count: number, bodyBytes: number): Buffer => {
  if (count > countMax) throw new Error(`a frame holds at most ${countMax} messages`)
  const head = Buffer.allocUnsafe(bareHeadBytes)
  head.writeUInt32LE(bodyBytes, 0)
  head.writeUInt32LE(kind * (countMax + 1) + count, 4)
  return head
}

export type OnFrame = (kind: number, count: number, frame: Buffer) => void

/** Cuts a byte stream into frames. A frame is a view of the received chunk, not a copy. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0)

  read(chunk: Buffer, onFrame: OnFrame): void {
    const data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    let at = 0
    while (data.length - at >= bareHeadBytes) {
      const end = at + bareHeadBytes + data.readUInt32LE(at)
      if (end > data.length) break
      const word = data.readUInt32LE(at + 4)
      onFrame(word >>> 24, word & countMax, data.subarray(at, end))
      at = end
    }
    this.rest = data.subarray(at)
  }
}
