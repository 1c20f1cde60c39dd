import { connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, beforeEach, expect, it } from "vitest"
import { within } from "../within.js"
import { Relay } from "./Relay.js"

let server: Server
let relay: Relay
/** What reached the server, of all connections. */
let received = ""
let connections: Array<Socket> = []
let onData: () => void = () => {}

beforeEach(async () => {
  received = ""
  connections = []
  server = createServer((socket) => {
    connections.push(socket)
    socket.on("error", () => {})
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text
      onData()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  relay = await Relay.listen(() => `127.0.0.1:${port}`)
})
afterEach(async () => {
  await relay.close()
  for (const socket of connections) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

const dial = (): Socket => {
  const [host, port] = relay.address.split(":")
  return connect({ host, port: Number(port) }).on("error", () => {})
}

const client = (): Promise<Socket> => {
  const socket = dial()
  const connected = new Promise<Socket>((resolve) => socket.once("connect", () => resolve(socket)))
  return within(connected, 5_000, "connection")
}

const arrival = (length: number): Promise<void> => {
  const arrived = new Promise<void>((resolve) => {
    onData = () => {
      if (received.length >= length) resolve()
    }
    onData()
  })
  return within(arrived, 5_000, `${length} bytes`)
}

const closing = (socket: Socket): Promise<void> =>
  within(new Promise((resolve) => socket.once("close", () => resolve())), 5_000, "close")

it("passes bytes both ways, and the end of either side", async () => {
  const socket = await client()
  socket.write("hello")
  await arrival(5)
  const answer = new Promise<string>((resolve) => {
    socket.once("data", (bytes) => resolve(String(bytes)))
  })
  connections[0].write("answer")
  expect(await answer).toBe("answer")
  const closed = closing(socket)
  connections[0].end()
  await closed
})

it("cut resets what is there, refuses what comes, and heals", async () => {
  const socket = await client()
  socket.write("a")
  await arrival(1)
  const closed = closing(socket)
  relay.set("cut")
  await closed
  await closing(dial())
  expect(connections).toHaveLength(1)
  relay.set("pass")
  ;(await client()).write("b")
  await arrival(2)
})

it("hole holds bytes back, also of new connections, and lets them go on unharmed", async () => {
  const socket = await client()
  socket.write("a")
  await arrival(1)
  relay.set("hole")
  socket.write("b")
  const late = await client()
  late.write("c")
  // What passes by another way shows that nothing passed by this one.
  const beside = connect({ port: Number(new URL(`tcp://${relay.target()}`).port) })
  beside.on("error", () => {}).write("x")
  await arrival(2)
  expect(received).toBe("ax")
  relay.set("pass")
  await arrival(4)
  expect([...received].sort().join("")).toBe("abcx")
  beside.destroy()
})

it("half open ends the node's side and leaves the client's until it heals", async () => {
  const socket = await client()
  socket.write("a")
  await arrival(1)
  const nodeClosed = closing(connections[0])
  relay.set("halfOpen")
  await nodeClosed
  socket.write("lost")
  expect(socket.destroyed).toBe(false)
  const closed = closing(socket)
  relay.set("pass")
  await closed
  expect(received).toBe("a")
})

it("delay keeps the order of bytes, also when it ends while some are on their way", async () => {
  const socket = await client()
  relay.set("delay", 100)
  let sent = ""
  for (let each = 0; each < 50; each++) {
    const text = String.fromCharCode(33 + each).repeat(1_000)
    sent += text
    await new Promise<void>((resolve) => socket.write(text, "latin1", () => resolve()))
    if (each === 25) relay.set("pass")
  }
  await arrival(sent.length)
  expect(received === sent).toBe(true)
})

it("tear lets half of a chunk through, then resets", async () => {
  const socket = await client()
  socket.write("a")
  await arrival(1)
  relay.set("tear")
  const closed = closing(socket)
  socket.write("12345678")
  await closed
  await arrival(5)
  expect(received).toBe("a1234")
})

it("holds back connections that began with a text, and no others, until let go", async () => {
  const [held, free] = [await client(), await client()]
  held.write("i am publisher-1;")
  free.write("i am n2;")
  await arrival(25)
  relay.holdBack("publisher-", "consumer-")
  held.write("first")
  free.write("second")
  await arrival(31)
  expect(received.endsWith("second")).toBe(true)
  relay.letGo()
  await arrival(36)
  expect(received.endsWith("first")).toBe(true)
  for (const socket of [held, free]) socket.destroy()
})
