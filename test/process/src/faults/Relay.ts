/**
 * A TCP proxy before one address, so that a connection can be broken in the ways in which a
 * network breaks it, without any right of the kernel's. Clients know only the relay.
 *
 *   pass    bytes go on as they come
 *   cut     both sides are reset, new connections too
 *   hole    nothing goes on and nothing is refused, in either direction; then it goes on
 *   halfOpen  the node's side is reset, the client's side hears nothing until the end, then a reset
 *   delay   every chunk, either way, goes on later
 *   tear    the next chunk to the node goes on by half, then both sides are reset
 */
import { createServer, connect as dial, type Server, type Socket } from "node:net"

export type RelayMode = "pass" | "cut" | "hole" | "halfOpen" | "delay" | "tear"

interface Pair {
  readonly client: Socket
  readonly node: Socket
  /** The first bytes of the client. */
  opening: string
  isHeld: boolean
}

export class Relay {
  readonly #pairs = new Set<Pair>()
  /** Clients without a node behind them: their connection is half open. */
  readonly #orphans = new Set<Socket>()
  readonly #server: Server
  #mode: RelayMode = "pass"
  #delayMs = 0

  private constructor(readonly target: () => string) {
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#accept(client))
  }

  /** `target` is asked for host and port at each connection. */
  static async listen(target: () => string): Promise<Relay> {
    const relay = new Relay(target)
    await new Promise<void>((resolve, reject) => {
      relay.#server.once("error", reject)
      relay.#server.listen(0, "127.0.0.1", resolve)
    })
    return relay
  }

  get address(): string {
    const address = this.#server.address()
    return typeof address === "object" && address !== null ? `127.0.0.1:${address.port}` : ""
  }

  get connections(): number {
    return this.#pairs.size + this.#orphans.size
  }

  /** Breaks or heals all connections, present and coming. `delayMs` is for `delay`. */
  set(mode: RelayMode, delayMs = 0): void {
    this.#mode = mode
    this.#delayMs = delayMs
    if (mode !== "halfOpen") for (const client of this.#orphans) client.resetAndDestroy()
    for (const pair of [...this.#pairs]) {
      if (mode === "cut") this.#end(pair)
      else if (mode === "halfOpen") this.#orphan(pair)
      else if (mode === "hole") for (const side of [pair.client, pair.node]) side.pause()
      else for (const side of [pair.client, pair.node]) side.resume()
    }
  }

  /** Like a hole, for those connections only whose first bytes hold one of the texts. */
  holdBack(...texts: ReadonlyArray<string>): void {
    for (const pair of this.#pairs) {
      if (!texts.some((text) => pair.opening.includes(text))) continue
      pair.isHeld = true
      for (const side of [pair.client, pair.node]) side.pause()
    }
  }

  /** What was held back goes on. */
  letGo(): void {
    for (const pair of this.#pairs) {
      if (!pair.isHeld) continue
      pair.isHeld = false
      for (const side of [pair.client, pair.node]) side.resume()
    }
  }

  async close(): Promise<void> {
    this.set("cut")
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(client: Socket): void {
    // A reset is what this file is for: only `close` is of interest.
    client.on("error", () => {})
    if (this.#mode === "cut") {
      client.resetAndDestroy()
      return
    }
    if (this.#mode === "halfOpen") {
      this.#keepOrphan(client)
      return
    }
    const target = this.target()
    const colon = target.lastIndexOf(":")
    const node = dial({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) })
    node.on("error", () => {})
    const pair: Pair = { client, node, opening: "", isHeld: false }
    this.#pairs.add(pair)
    for (const side of [client, node]) {
      side.setNoDelay(true)
      side.once("close", () => this.#end(pair))
    }
    this.#join(pair, client, node)
    this.#join(pair, node, client)
    if (this.#mode === "hole") node.pause()
    else client.resume()
  }

  #join(pair: Pair, from: Socket, to: Socket): void {
    const late: Array<Buffer> = []
    from.on("data", (chunk) => {
      if (to === pair.node && pair.opening === "") pair.opening = chunk.toString("latin1")
      if (this.#mode === "tear" && to === pair.node && chunk.length > 1) {
        // The half must be with the kernel before the reset, or nothing of it is sent.
        to.write(chunk.subarray(0, chunk.length >> 1), () => this.#end(pair))
        from.pause()
      } else if (this.#mode === "delay" || late.length > 0) {
        // Every timer takes the oldest chunk, so that no order of timers can change theirs.
        late.push(chunk)
        const forward = (): void => this.#forward(late.shift() as Buffer, pair, from, to)
        setTimeout(forward, this.#mode === "delay" ? this.#delayMs : 0)
      } else this.#forward(chunk, pair, from, to)
    })
    from.on("end", () => to.end())
  }

  #forward(chunk: Buffer, pair: Pair, from: Socket, to: Socket): void {
    if (to.destroyed || to.writableEnded || to.write(chunk)) return
    from.pause()
    to.once("drain", () => {
      if (this.#mode !== "hole" && !pair.isHeld) from.resume()
    })
  }

  #orphan(pair: Pair): void {
    this.#pairs.delete(pair)
    pair.client.pause().removeAllListeners("data")
    pair.node.removeAllListeners("close").resetAndDestroy()
    this.#keepOrphan(pair.client)
  }

  #keepOrphan(client: Socket): void {
    client.removeAllListeners("close")
    client.once("close", () => this.#orphans.delete(client))
    this.#orphans.add(client)
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair)
    for (const side of [pair.client, pair.node]) if (!side.destroyed) side.resetAndDestroy()
  }
}
