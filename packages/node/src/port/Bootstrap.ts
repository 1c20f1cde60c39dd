/**
 * Owns: the bootstrap address, which whichever living node binds first: it is tried again and again
 * while another has it, so that a client needs one address only. It never fails the node.
 * Must not know: what is done with a connection.
 *
 * Interleaving: `stop` may come while an attempt to bind is under way; a listener that succeeds
 * after it is closed at once.
 */
import { createServer, type Server, type Socket } from "node:net"
import { SkeinError, skeinError } from "@skein/model"
import { loopbackAddress } from "./Bind.js"
import type { PortHost } from "./PortHost.js"

export interface BootstrapAddress {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`; ConfigInvalid or BindRefused when it is none that a node may listen on. */
export const bootstrapAddress = (text: string): BootstrapAddress | SkeinError => {
  const at = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const port = Number(at?.[3])
  if (at === null || port < 1 || port > 65_535) {
    const shown = JSON.stringify(text.slice(0, 255))
    return skeinError("ConfigInvalid", `the bootstrap address ${shown} is not host:port`)
  }
  const host = loopbackAddress(at[1] ?? at[2])
  return host instanceof SkeinError ? host : { host, port }
}

type Host = Pick<PortHost, "clock" | "limits" | "onEvent">

export class Bootstrap {
  readonly #address: BootstrapAddress
  readonly #host: Host
  readonly #onSocket: (socket: Socket) => void
  #server: Server | undefined
  #cancelTimer = (): void => {}
  #stopped = false
  #told: string | undefined

  constructor(address: BootstrapAddress, host: Host, onSocket: (socket: Socket) => void) {
    this.#address = address
    this.#host = host
    this.#onSocket = onSocket
  }

  start(): void {
    const { host, port } = this.#address
    const server = createServer({ noDelay: true }, (socket) => this.#onSocket(socket))
    let bound = false
    server.on("error", (cause) => {
      if (bound) this.#host.onEvent({ _tag: "RequestFault", kind: "accept", cause })
      else this.#refused(cause)
    })
    server.listen(port, host, 1024, () => {
      bound = true
      if (this.#stopped) {
        server.close()
        return
      }
      this.#server = server
      this.#host.onEvent({ _tag: "Listening", host, port })
    })
  }

  /** Resolves when nothing is accepted there any more and its connections have ended. */
  stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    const server = this.#server
    if (server === undefined) return Promise.resolve()
    return new Promise((resolve) => server.close(() => resolve()))
  }

  #refused(cause: Error): void {
    if (this.#stopped) return
    const code = "code" in cause ? String(cause.code) : cause.message
    // Another node's having it is how things should be; any other reason is told, once.
    if (code !== "EADDRINUSE" && code !== this.#told) {
      this.#told = code
      this.#host.onEvent({ _tag: "RequestFault", kind: "bootstrap", cause })
    }
    const { clock, limits } = this.#host
    this.#cancelTimer = clock.setTimer(limits.bootstrapEveryMs, () => this.start())
  }
}
