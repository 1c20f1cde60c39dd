/** Owns: reading a node's address, `host:port` or `[::1]:port`. */
import { skeinError, type Tagged } from "@skein/model"

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

export const parseAddress = (address: string): NodeAddress | Tagged<"ConfigInvalid"> => {
  const colon = address.lastIndexOf(":")
  const port = Number(address.slice(colon + 1))
  const bracketed = address.startsWith("[") && address[colon - 1] === "]"
  const host = bracketed ? address.slice(1, colon - 1) : address.slice(0, Math.max(0, colon))
  const plain = bracketed || !host.includes(":")
  if (host.length > 0 && plain && Number.isInteger(port) && port >= 1 && port <= 65_535) {
    return { host, port }
  }
  return skeinError(
    "ConfigInvalid",
    `${JSON.stringify(address.slice(0, 255))} is not an address such as 127.0.0.1:7100`,
  )
}
