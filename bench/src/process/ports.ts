/** Free and busy TCP ports of 127.0.0.1. Knows nothing of who will use them. */
import net from "node:net"

/** A port that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address === null || typeof address === "string") throw new Error("no TCP address")
      server.close(() => resolve(address.port))
    })
  })

/** Below those that systems give to connections: what is free there stays so for a while. */
const steadyPorts = { first: 10_000, last: 30_000 }
const triesMax = 100

/** The first of `count` ports in a row that were free a moment ago. */
export const freePorts = async (count: number): Promise<number> => {
  const { first, last } = steadyPorts
  for (let tries = 0; tries < triesMax; tries++) {
    const port = first + Math.floor(Math.random() * (last - first - count))
    const all = Array.from({ length: count }, (_, index) => isFree(port + index))
    if ((await Promise.all(all)).every(Boolean)) return port
  }
  throw new Error(`no ${count} free ports in a row from ${first} to ${last}`)
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = net.createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

export const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => {
      socket.destroy()
      resolve(false)
    })
  })
