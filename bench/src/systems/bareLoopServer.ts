/**
 * The least that a durable queue must do, as a process of its own: take frames from TCP, append
 * them to one growing file, one fdatasync for all that waits, confirm, deliver. No queue, no
 * index, no recovery, one consumer. It is the limit for such a loop in Node, not a product.
 *
 * Frame: u32 length of the body, u24 count of messages, u8 kind, body. Kinds: see `BareFrame.ts`.
 * Confirm: u32 count of messages that became durable since the last confirm.
 *
 * Ends with its parent (ipc), on SIGTERM and on the first disk error: a log whose sync failed
 * confirms nothing any more.
 */
import fs from "node:fs"
import net from "node:net"
import path from "node:path"
import { bareKind, FrameReader } from "./BareFrame.js"

interface Waiting {
  readonly frame: Buffer
  readonly count: number
  /** Whom to confirm; absent for an ack. */
  readonly publisher?: net.Socket
}

const [portText, dir] = process.argv.slice(2)
if (portText === undefined || dir === undefined) throw new Error("usage: bareLoopServer PORT DIR")

const fd = fs.openSync(path.join(dir, "log"), "w")
let waiting: Waiting[] = []
let position = 0
let committing = false
let consumer: net.Socket | undefined

const commit = (): void => {
  if (committing || waiting.length === 0) return
  committing = true
  const batch = waiting
  waiting = []
  append(
    batch.map(({ frame }) => frame),
    () =>
      fs.fdatasync(fd, (error) => {
        if (error) throw error
        committing = false
        commit()
        release(batch)
      }),
  )
}

/** Writes all buffers at the end of the log; goes on after a short write. */
const append = (buffers: Buffer[], done: () => void): void => {
  const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
  fs.writev(fd, buffers, position, (error, written) => {
    if (error) throw error
    position += written
    if (written === bytes) done()
    else append([Buffer.concat(buffers).subarray(written)], done)
  })
}

/** Confirms go first: the publisher fills the next commit while this one is being delivered. */
const release = (batch: readonly Waiting[]): void => {
  const confirmed = new Map<net.Socket, number>()
  for (const { count, publisher } of batch) {
    if (publisher) confirmed.set(publisher, (confirmed.get(publisher) ?? 0) + count)
  }
  for (const [publisher, count] of confirmed) {
    const confirm = Buffer.allocUnsafe(4)
    confirm.writeUInt32LE(count)
    publisher.write(confirm)
  }
  consumer?.cork()
  for (const { frame, publisher } of batch) if (publisher) consumer?.write(frame)
  consumer?.uncork()
}

const server = net.createServer((socket) => {
  socket.setNoDelay(true)
  socket.on("error", () => socket.destroy())
  const reader = new FrameReader()
  socket.on("data", (chunk) => {
    reader.read(chunk, (kind, count, frame) => {
      if (kind === bareKind.subscribe) consumer = socket
      else if (kind === bareKind.ack) waiting.push({ frame, count })
      else waiting.push({ frame, count, publisher: socket })
    })
    commit()
  })
})
server.listen(Number(portText), "127.0.0.1")

const stop = (): void => process.exit(0)
process.on("SIGTERM", stop)
process.on("SIGINT", stop)
process.on("disconnect", stop)
