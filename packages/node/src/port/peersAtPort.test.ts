import { createServer } from "node:net"
import { limits } from "@skein/model"
import {
  decodeShardMap,
  encodeEnvelope,
  encodeFetch,
  encodeHello,
  encodeRpcCall,
  type ShardMap,
} from "@skein/wire"
import { describe, expect, it } from "vitest"
import { ClientPort } from "./ClientPort.js"
import { identity, openPort } from "./testing/PortRig.js"
import { RawClient } from "./testing/RawClient.js"
import { fetchOf, frameOf, runOf, StubFabric } from "./testing/StubFabric.js"

const greeting = (change: { readonly peer?: string; readonly token?: string }) =>
  encodeHello({ min: 1, max: 1, ...change })

/** A map that the test changes. */
class Source {
  version = 1
  nodes = 1
  reads = 0
  listener: (() => void) | undefined
  readonly current = (): ShardMap | undefined => {
    this.reads++
    if (this.version === 0) return undefined
    const node = { node: "n", instance: "i".repeat(250), address: "127.0.0.1:7100" }
    return { version: this.version, nodes: Array(this.nodes).fill(node), owners: [0] }
  }
  readonly onChange = (listener: () => void) => {
    this.listener = listener
    return () => {
      this.listener = undefined
    }
  }
  change(): void {
    this.version++
    this.listener?.()
  }
}

const nextMap = async (client: RawClient): Promise<number> => {
  const next = await client.next()
  expect(next?.kind).toBe("shardMap")
  const map = decodeShardMap(next?.payload ?? new Uint8Array())
  if (map instanceof Error) throw map
  return map.version
}

describe("the shard map", () => {
  it("comes right after the welcome and after changes, those of one turn as one", async () => {
    const source = new Source()
    const { address } = await openPort({ shardMap: source })
    const [one, two] = [await RawClient.open(address.port), await RawClient.open(address.port)]
    expect([await nextMap(one), await nextMap(two)]).toEqual([1, 1])
    expect(source.reads).toBe(1)
    for (let i = 0; i < 50; i++) source.change()
    expect([await nextMap(one), await nextMap(two)]).toEqual([51, 51])
    // Encoded once for both.
    expect(source.reads).toBe(2)
    expect(await one.ping()).toBe(true)
    expect(one.received.filter(({ kind }) => kind === "shardMap").length).toBe(2)
  })

  it("is not told while nothing is known, nor by a node that is alone", async () => {
    const source = new Source()
    source.version = 0
    const { address } = await openPort({ shardMap: source })
    const client = await RawClient.open(address.port)
    expect(await client.ping()).toBe(true)
    source.change()
    expect(await nextMap(client)).toBe(1)
  })

  it("does not pile up for a client that does not read; it gets the newest", async () => {
    const source = new Source()
    source.nodes = limits.nodesMax
    const { address, port } = await openPort({ shardMap: source })
    const slow = await RawClient.open(address.port)
    slow.socket.pause()
    const other = await RawClient.open(address.port)
    let heard = await nextMap(other)
    const rounds = 400
    for (let round = 0; round < rounds; round++) {
      source.change()
      while (heard < source.version) heard = await nextMap(other)
    }
    // Each map has 70 KB: what the kernel takes, and little more, waits for the slow one.
    expect(port.counters().unsentBytes).toBeLessThan(2_000_000)
    slow.socket.resume()
    let version = 0
    while (version < source.version) version = await nextMap(slow)
    const got = slow.received.filter(({ kind }) => kind === "shardMap").length
    expect(got).toBeLessThan(rounds)
  })

  it("is no more told when the port has stopped", async () => {
    const source = new Source()
    const { port } = await openPort({ shardMap: source })
    await port.stop()
    expect(source.listener).toBeUndefined()
  })
})

describe("peers", () => {
  it("are known by the secret and need no token; a wrong one is Unauthorized", async () => {
    const { address, port, events } = await openPort({ token: "t0ken", peerSecret: "p33r" })
    const peer = new RawClient(address.port)
    peer.send(greeting({ peer: "p33r" }))
    expect((await peer.next())?.kind).toBe("welcome")
    expect(port.counters()).toMatchObject({ connections: 1, peers: 1 })
    for (const bad of ["", "p33", "p33r ", "t0ken"]) {
      const stranger = new RawClient(address.port)
      stranger.send(greeting({ peer: bad, token: "t0ken" }))
      expect((await stranger.refusal())._tag).toBe("Unauthorized")
    }
    expect(JSON.stringify(events)).not.toContain("p33")
    await peer.end()
    await (await RawClient.open(address.port, "t0ken")).until(() => port.counters().peers === 0)
  })

  it("are taken by no node that has no secret", async () => {
    const { address } = await openPort()
    const stranger = new RawClient(address.port)
    stranger.send(greeting({ peer: "" }))
    expect((await stranger.refusal())._tag).toBe("Unauthorized")
  })

  it("count for themselves: full of clients the node takes peers, and the reverse", async () => {
    const few = { connectionsPerNodeMax: 2, nodesMax: 2 }
    const { address } = await openPort({ peerSecret: "p33r", limits: few })
    const clients = [await RawClient.open(address.port), await RawClient.open(address.port)]
    const third = new RawClient(address.port)
    third.send(greeting({}))
    expect(await third.refusal()).toMatchObject({ data: { limit: "connectionsPerNodeMax" } })
    for (let i = 0; i < 2; i++) {
      const peer = new RawClient(address.port)
      peer.send(greeting({ peer: "p33r" }))
      expect((await peer.next())?.kind).toBe("welcome")
    }
    await clients[0].end()
    await clients[1].ping()
    const peer = new RawClient(address.port)
    peer.send(greeting({ peer: "p33r" }))
    expect(await peer.refusal()).toMatchObject({ data: { limit: "nodesMax" } })
  })

  it("alone may send engine messages; each line is closed with its connection", async () => {
    const seen: string[] = []
    const engine = {
      open: (send: (payload: Uint8Array) => void) => ({
        receive: (payload: Uint8Array) => {
          seen.push(`got ${payload[0]}`)
          send(payload)
          return undefined
        },
        close: () => void seen.push("closed"),
      }),
    }
    const { address, port } = await openPort({ peerSecret: "p33r", engine })
    const client = await RawClient.open(address.port)
    client.send(encodeEnvelope("engine", 0, Uint8Array.of(1)))
    expect((await client.refusal())._tag).toBe("ProtocolError")
    const peer = new RawClient(address.port)
    peer.send(greeting({ peer: "p33r" }))
    await peer.next()
    peer.send(encodeEnvelope("engine", 0, Uint8Array.of(7)))
    expect(await peer.next()).toMatchObject({ kind: "engine", payload: Uint8Array.of(7) })
    peer.send(encodeEnvelope("engine", 9, Uint8Array.of(8)))
    expect((await peer.refusal())._tag).toBe("ProtocolError")
    const other = await RawClient.open(address.port)
    await other.until(() => port.counters().connections === 1)
    expect(seen).toEqual(["got 7", "closed"])
  })
})

describe("the bootstrap address", () => {
  it("is bound by whichever node finds it free, and drained like the other", async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", () => resolve()))
    const at = holder.address()
    const number = typeof at === "object" && at !== null ? at.port : 0
    const { address, clock, events, port } = await openPort({ bootstrap: `127.0.0.1:${number}` })
    const own = await RawClient.open(address.port)
    const isBound = () =>
      events.some((event) => event._tag === "Listening" && event.port === number)
    for (let round = 0; round < 3; round++) {
      await own.until(() => clock.timers > 1)
      expect(isBound()).toBe(false)
      clock.advance(limits.bootstrapEveryMs)
    }
    await new Promise<void>((resolve) => holder.close(() => resolve()))
    await own.until(() => {
      clock.advance(limits.bootstrapEveryMs)
      return isBound()
    })
    const client = await RawClient.open(number)
    expect(await client.ping()).toBe(true)
    expect(port.counters().connections).toBe(2)
    await port.stop()
    expect((await client.next())?.kind).toBe("goaway")
    await client.closed
    expect(events.filter(({ _tag }) => _tag === "RequestFault")).toEqual([])
  })

  it("must be loopback and an address", async () => {
    for (const [bootstrap, tag] of [
      ["0.0.0.0:7100", "BindRefused"],
      ["127.0.0.1", "ConfigInvalid"],
      ["127.0.0.1:0", "ConfigInvalid"],
      ["127.0.0.1:70000", "ConfigInvalid"],
    ]) {
      const options = { host: "127.0.0.1", port: 0, identity, bootstrap }
      const port = new ClientPort(new StubFabric(), options)
      await expect(port.start()).rejects.toMatchObject({ _tag: tag })
      await port.stop()
    }
  })
})

describe("answers that are being prepared", () => {
  const rpc = (correlation: number, call: string, payload: object) =>
    encodeEnvelope("rpc", correlation, encodeRpcCall({ call, payload }))

  it("many peeks wait for their turn; other calls do not wait for them", async () => {
    const { fabric, address, port } = await openPort()
    let running = 0
    let most = 0
    const held: (() => void)[] = []
    Object.assign(fabric.admin, {
      peek: async () => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => held.push(resolve))
        running--
        return []
      },
    })
    const client = await RawClient.open(address.port)
    const peeks = Array.from({ length: 1_000 }, (_, i) => rpc(i + 1, "peek", { name: "orders" }))
    client.bytes(Buffer.concat(peeks.flat()))
    client.send(rpc(5_000, "purge", { name: "orders" }))
    expect(await client.next()).toMatchObject({ kind: "rpc", correlation: 5_000 })
    const other = await RawClient.open(address.port)
    const atOnce = limits.answerBytesPerConnectionMax / limits.fetchBytesMax
    await other.until(() => held.length === atOnce)
    expect(port.counters().answerBytes).toBe(limits.answerBytesPerConnectionMax)
    for (let answered = 0; answered < 1_000; answered++) {
      await other.until(() => held.length > 0)
      held.shift()?.()
      expect((await client.next())?.kind).toBe("rpc")
    }
    expect(most).toBe(atOnce)
    expect(port.counters().answerBytes).toBe(0)
  })

  it("peeks of all connections stay below the node's bound; drop gives all back", async () => {
    const few = { answerBytesPerNodeMax: 3 * limits.fetchBytesMax }
    const { fabric, address, port } = await openPort({ limits: few })
    const held: (() => void)[] = []
    Object.assign(fabric.admin, {
      peek: () => new Promise((resolve) => held.push(() => resolve([]))),
    })
    const clients: RawClient[] = []
    for (let i = 0; i < 4; i++) clients.push(await RawClient.open(address.port))
    for (const client of clients)
      for (let i = 1; i < 5; i++) client.send(rpc(i, "peek", { name: "q" }))
    const other = await RawClient.open(address.port)
    await other.until(() => held.length === 3 && port.counters().requestsInFlight === 16)
    expect(port.counters().answerBytes).toBe(few.answerBytesPerNodeMax)
    for (const client of clients.slice(0, 3)) await client.end()
    await other.until(() => port.counters().requestsInFlight === 4 && held.length >= 6)
    await clients[3].end()
    await other.until(() => port.counters().requestsInFlight === 0)
    expect(port.counters().answerBytes).toBe(0)
  })

  it("fetches are given less when many wait, and none is refused", async () => {
    const { fabric, address, port } = await openPort()
    const client = await RawClient.open(address.port)
    const asked = { bytesMax: limits.fetchBytesMax }
    const fetches = Array.from({ length: 2_000 }, (_, i) =>
      encodeFetch(i + 1, fetchOf({ ...asked, fetchNumber: i + 1 })),
    )
    client.bytes(Buffer.concat(fetches.flat()))
    await client.until(() => fabric.fetches.length === 2_000)
    const sizes = fabric.fetches.map(({ bytesMax }) => bytesMax)
    expect(sizes[0]).toBe(limits.fetchBytesMax)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(16 * 1024)
    const sum = sizes.reduce((total, size) => total + size, 0)
    expect(sum).toBeLessThan(limits.answerBytesPerConnectionMax + 2_000 * 16 * 1024 + 1)
    expect(port.counters().answerBytes).toBe(sum)
    fabric.runs = [runOf(frameOf(1, 10), 1)]
    await client.end()
    const other = await RawClient.open(address.port)
    await other.until(() => port.counters().connections === 1)
    expect(port.counters().answerBytes).toBe(0)
    other.send(encodeFetch(1, fetchOf(asked)))
    expect((await other.next())?.kind).toBe("fetched")
    expect(port.counters().answerBytes).toBe(0)
  })
})
