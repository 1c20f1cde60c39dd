/**
 * The node's end of envelope.ts, in a process of its own: it answers each publish as soon as its
 * frame was checked, over a client port or over @effect/rpc. Tells its ports, and its CPU time
 * when it is asked.
 */
import { type AddressInfo, createServer } from "node:net"
import { ClientPort } from "@skein/node"
import { type Admin, type Broker, viewFrame } from "@skein/wire"
import { serveRpc } from "./RpcLine.js"

const publish: Broker["publish"] = async (request) => {
  const frame = viewFrame(request.frame)
  if (frame instanceof Error) throw frame
  return { first: 1, count: frame.count }
}

const port = new ClientPort(
  // Nothing but publishes is ever asked of it.
  { broker: { publish } as Broker, admin: {} as Admin },
  { host: "127.0.0.1", port: 0, identity: { fabricId: "bench", instance: "bench", node: "bench" } },
)
const own = (await port.start()).port

const server = createServer({ noDelay: true }, (socket) => serveRpc(socket, publish))
server.listen(0, "127.0.0.1", () => {
  process.send?.({ own, rpc: (server.address() as AddressInfo).port })
})

process.on("message", () => process.send?.(process.cpuUsage()))
process.once("disconnect", () => process.exit())
