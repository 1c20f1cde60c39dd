/**
 * Owns: finding out, before any node is started, whether the address that clients begin at is free,
 * and choosing one where port 0 was asked for. It is let go again: a node takes it.
 */
import { createServer } from "node:net"
import { skeinError } from "@skein/model"

/** `host:port`. Rejects with AddressInUse or ConfigInvalid. */
export const freeAddress = (host: string, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    const ip = host === "localhost" ? "127.0.0.1" : host
    const shown = (number: number) => (ip.includes(":") ? `[${ip}]:${number}` : `${ip}:${number}`)
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const [tag, why] =
        cause.code === "EADDRINUSE"
          ? (["AddressInUse", "is in use"] as const)
          : (["ConfigInvalid", `cannot be listened on: ${cause.code}`] as const)
      reject(skeinError(tag, `${shown(port)} ${why}`, { port }, { cause }))
    })
    server.listen(port, ip, () => {
      const bound = server.address()
      const number = typeof bound === "object" && bound !== null ? bound.port : port
      server.close(() => resolve(shown(number)))
    })
  })
