import { ManualClock } from "@skein/journal"
import { limits, type SkeinError, skeinError } from "@skein/model"
import { packValue, unpackValue } from "@skein/wire"
import { Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import type { ToClient } from "./EngineMessage.js"
import { PeerLink } from "./PeerLink.js"
import type { PeerConnection } from "./Peers.js"

class FakeConnection implements PeerConnection {
  readonly sent: unknown[] = []
  isClosed = false
  listener: (payload: Uint8Array) => void = () => {}
  end: (cause: SkeinError) => void = () => {}
  readonly closed = new Promise<SkeinError>((resolve) => {
    this.end = resolve
  })
  readonly send = (payload: Uint8Array) => {
    this.sent.push(unpackValue(payload))
    return undefined
  }
  readonly onMessage = (listener: (payload: Uint8Array) => void) => {
    this.listener = listener
  }
  readonly close = async () => {
    this.isClosed = true
    this.end(skeinError("FabricClosed", "closed"))
  }
}

const setup = () => {
  const clock = new ManualClock()
  const connections: FakeConnection[] = []
  const delivered: ToClient[] = []
  const state = { refuse: false, attempts: 0 }
  const peers = {
    connect: async () => {
      state.attempts++
      if (state.refuse) throw skeinError("ConnectionFailed", "nobody listens")
      const connection = new FakeConnection()
      connections.push(connection)
      return connection
    },
  }
  const deliver = (message: ToClient) => void delivered.push(message)
  const link = new PeerLink({ peers, address: "127.0.0.1:1", clock, deliver })
  const call = (id: number) =>
    Effect.runPromiseExit(
      link.send({ _tag: "Request", id: String(id), tag: "Ping", payload: {}, headers: [] }),
    )
  return { clock, connections, delivered, state, link, call }
}

const answer = (id: number) =>
  packValue({ _tag: "Exit", requestId: String(id), exit: { _tag: "Success" } })

describe("PeerLink", () => {
  it("connects when it is needed, once for calls of the same moment", async () => {
    const { connections, delivered, state, call } = setup()
    expect(state.attempts).toBe(0)
    const exits = await Promise.all([call(1), call(2)])
    expect(exits.every(Exit.isSuccess)).toBe(true)
    expect(state.attempts).toBe(1)
    expect(connections[0].sent).toHaveLength(2)
    connections[0].listener(answer(1))
    expect(delivered).toEqual([{ _tag: "Exit", requestId: "1", exit: { _tag: "Success" } }])
  })

  it("tries a silent node ever more rarely, and fails calls at once meanwhile", async () => {
    const { clock, state, call } = setup()
    state.refuse = true
    for (let step = 0; step < 10_000; step++) {
      expect(Exit.isFailure(await call(step))).toBe(true)
      clock.advance(1)
    }
    // 10 s at a limit of 500 ms.
    expect(state.attempts).toBeGreaterThan(19)
    expect(state.attempts).toBeLessThan(30)
    state.refuse = false
    clock.advance(500)
    expect(Exit.isSuccess(await call(10_000))).toBe(true)
  })

  it("fails the open calls when the connection ends, and connects anew for the next", async () => {
    const { connections, delivered, state, call } = setup()
    await call(1)
    connections[0].listener(answer(1))
    await call(2)
    connections[0].end(skeinError("ConnectionFailed", "it broke"))
    await connections[0].closed
    await Promise.resolve()
    expect(delivered.at(-1)?._tag).toBe("ClientProtocolError")
    expect(Exit.isSuccess(await call(3))).toBe(true)
    expect(state.attempts).toBe(2)
  })

  it("a node that closes each connection without a word is not called in a loop", async () => {
    const { connections, state, call } = setup()
    for (let id = 0; id < 100; id++) {
      await call(id)
      connections.at(-1)?.end(skeinError("ConnectionFailed", "closed"))
      await connections.at(-1)?.closed
      await Promise.resolve()
    }
    expect(state.attempts).toBe(1)
  })

  it("closes a connection that brings garbage", async () => {
    const { connections, delivered, call } = setup()
    await call(1)
    connections[0].listener(Uint8Array.of(0xc1))
    expect(connections[0].isClosed).toBe(true)
    await connections[0].closed
    await Promise.resolve()
    expect(delivered.map(({ _tag }) => _tag)).toEqual(["ClientProtocolError"])
  })

  it("holds no more open calls than the node at the other end takes", async () => {
    const { connections, call } = setup()
    for (let id = 0; id < limits.peerCallsMax; id++) await call(id)
    expect(Exit.isFailure(await call(limits.peerCallsMax))).toBe(true)
    connections[0].listener(answer(7))
    expect(Exit.isSuccess(await call(limits.peerCallsMax))).toBe(true)
  })

  it("an interrupted call is told to the node; its late answer harms nobody", async () => {
    const { connections, link, call } = setup()
    await call(1)
    await Effect.runPromise(link.send({ _tag: "Interrupt", requestId: "1" }))
    await Effect.runPromise(link.send({ _tag: "Interrupt", requestId: "9" }))
    expect(connections[0].sent.at(-1)).toEqual({ _tag: "Interrupt", requestId: "1" })
    expect(connections[0].sent).toHaveLength(2)
    connections[0].listener(answer(1))
  })

  it("after close it connects no more, and one that comes late is closed", async () => {
    const { connections, link, call } = setup()
    const late = call(1)
    await link.close()
    expect(Exit.isFailure(await late)).toBe(true)
    expect(connections.every(({ isClosed }) => isClosed)).toBe(true)
    expect(Exit.isFailure(await call(2))).toBe(true)
  })
})
