/**
 * A fake node for the harness's own tests: one TCP port, JSON lines, a journal of JSON lines
 * that outlives kill -9. It keeps the promises that the checker knows, unless told to break one:
 *
 *   node StubBroker.js DIRECTORY PORT [lose|unflag|forget-acks|store-twice|swap|corrupt|none]
 *
 * It is no durable store (nothing is synced) and no model of the product.
 */
import { appendFileSync, existsSync, openSync, readFileSync, writeSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { join } from "node:path"
import { eachLine } from "./eachLine.js"
import type { StubReply, StubRequest, StubTag } from "./StubProtocol.js"

interface Message {
  readonly body: string
  gone: boolean
  redelivered: boolean
  failed: number
  returned: number
  attempt: number
  lease: { readonly tag: StubTag; readonly session: Socket } | undefined
  settledBy: string | undefined
}

interface Waiter {
  readonly credit: number
  readonly session: Socket
  readonly answer: (deliveries: StubReply["deliveries"]) => void
}

interface Queue {
  readonly messages: Array<Message>
  /** No message below is ready. */
  firstReady: number
  waiters: Array<Waiter>
}

type JournalLine =
  | { readonly start: true }
  | { readonly queue: string; readonly bodies: Array<string>; readonly producer: string }
  | { readonly queue: string; readonly gone: Array<StubTag> }

const [, , directory, port, misbehaviour = "none"] = process.argv
const journalPath = join(directory, "stub.journal")
const queues = new Map<string, Queue>()
/** Frames stored of each producer: a resend of one of them is only answered. */
const framesOf = new Map<string, number>()
let epoch = 0
let frames = 0

const queueOf = (name: string): Queue => {
  let queue = queues.get(name)
  if (queue === undefined) {
    queue = { messages: [], firstReady: 0, waiters: [] }
    queues.set(name, queue)
  }
  return queue
}

const evolve = (line: JournalLine): void => {
  if ("start" in line) {
    epoch++
    for (const { messages } of queues.values()) {
      for (const message of messages) message.redelivered = misbehaviour !== "unflag"
    }
    return
  }
  const queue = queueOf(line.queue)
  if ("gone" in line) {
    for (const tag of line.gone) {
      const message = queue.messages[tag[1]]
      message.gone = true
      message.lease = undefined
      message.settledBy = JSON.stringify(tag)
    }
    return
  }
  framesOf.set(line.producer, (framesOf.get(line.producer) ?? 0) + 1)
  for (const body of line.bodies) {
    queue.messages.push({
      ...{ body, gone: false, redelivered: false, failed: 0, returned: 0, attempt: 0 },
      ...{ lease: undefined, settledBy: undefined },
    })
  }
}

if (existsSync(journalPath)) {
  for (const text of readFileSync(journalPath, "utf8").split("\n")) {
    if (text.endsWith("}")) evolve(JSON.parse(text) as JournalLine)
  }
}
appendFileSync(journalPath, "\n")
const journal = openSync(journalPath, "a")
const commit = (line: JournalLine): void => {
  writeSync(journal, `${JSON.stringify(line)}\n`)
  evolve(line)
}
commit({ start: true })

const publish = (request: Extract<StubRequest, { op: "publish" }>, session: Socket): StubReply => {
  const { queue, producer, frame } = request
  const known = frame <= (framesOf.get(producer) ?? 0)
  if (known && misbehaviour !== "store-twice") return {}
  const odd = ++frames % 10 === 0
  const losing = misbehaviour === "lose" && odd
  commit({ queue, producer, bodies: losing ? request.bodies.slice(1) : request.bodies })
  // The reply is lost, so the client will send the frame again.
  if (misbehaviour === "store-twice" && odd) session.destroy()
  serve(queueOf(queue))
  return {}
}

const take = (queue: Queue, credit: number, session: Socket): StubReply["deliveries"] => {
  const taken: NonNullable<StubReply["deliveries"]> = []
  for (let sequence = queue.firstReady; sequence < queue.messages.length; sequence++) {
    if (taken.length === credit) break
    const message = queue.messages[sequence]
    if (message.gone || message.lease !== undefined) continue
    const tag: StubTag = ["stub", sequence, epoch, ++message.attempt]
    message.lease = { tag, session }
    const { body, failed, returned, redelivered } = message
    const odd = misbehaviour === "corrupt" && sequence % 500 === 7
    taken.push({ body: odd ? `${body}AA` : body, tag, redelivered, failed, returned })
    queue.firstReady = sequence + 1
  }
  if (misbehaviour === "swap" && taken.length > 1) taken.push(...taken.splice(0, 1))
  return taken
}

const serve = (queue: Queue): void => {
  while (queue.waiters.length > 0) {
    const [{ credit, session, answer }] = queue.waiters
    const taken = take(queue, credit, session)
    if (taken?.length === 0) return
    queue.waiters.shift()
    answer(taken)
  }
}

const giveBack = (queue: Queue, sequence: number): void => {
  const message = queue.messages[sequence]
  message.lease = undefined
  message.redelivered = misbehaviour !== "unflag"
  queue.firstReady = Math.min(queue.firstReady, sequence)
}

const settle = (request: Extract<StubRequest, { op: "settle" }>): StubReply => {
  const queue = queueOf(request.queue)
  const gone: Array<StubTag> = []
  const accepted = request.tags.map((tag) => {
    const message = queue.messages[tag[1]]
    const text = JSON.stringify(tag)
    if (message.gone) return message.settledBy === text
    if (message.lease !== undefined && JSON.stringify(message.lease.tag) !== text) return false
    if (request.kind !== "return") gone.push(tag)
    else if (message.lease === undefined) return false
    else {
      giveBack(queue, tag[1])
      message.returned++
    }
    return true
  })
  const line = { queue: request.queue, gone }
  if (misbehaviour === "forget-acks") evolve(line)
  else if (gone.length > 0) commit(line)
  serve(queue)
  return { accepted }
}

const endSession = (session: Socket): void => {
  for (const queue of queues.values()) {
    queue.waiters = queue.waiters.filter((waiter) => waiter.session !== session)
    queue.messages.forEach((message, sequence) => {
      if (message.lease?.session !== session) return
      giveBack(queue, sequence)
      message.failed++
    })
    serve(queue)
  }
}

const handle = (request: StubRequest, session: Socket, reply: (body: StubReply) => void): void => {
  switch (request.op) {
    case "publish":
      return reply(publish(request, session))
    case "settle":
      return reply(settle(request))
    case "depth":
      return reply({ depth: queueOf(request.queue).messages.filter(({ gone }) => !gone).length })
    case "fetch": {
      const queue = queueOf(request.queue)
      const waiter: Waiter = {
        credit: request.credit,
        session,
        answer: (deliveries) => {
          clearTimeout(timer)
          reply({ deliveries })
        },
      }
      const timer = setTimeout(() => {
        queue.waiters = queue.waiters.filter((each) => each !== waiter)
        reply({ deliveries: [] })
      }, request.waitMs)
      queue.waiters.push(waiter)
      serve(queue)
    }
  }
}

const server = createServer((session) => {
  session.on("error", () => session.destroy())
  session.on("close", () => endSession(session))
  eachLine(session, (line) => {
    const request = JSON.parse(line) as StubRequest
    handle(request, session, (body) => {
      session.write(`${JSON.stringify({ ...body, number: request.number })}\n`)
    })
  })
})
process.on("SIGTERM", () => process.exit(0))
server.listen(Number(port), "127.0.0.1", () => {
  const bound = server.address()
  const address = `127.0.0.1:${typeof bound === "object" ? bound?.port : port}`
  process.stdout.write(`${JSON.stringify({ event: "listening", address })}\n`)
})
