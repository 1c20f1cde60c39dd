import { limits } from "@skein/model"
import { packValue, unpackValue } from "@skein/wire"
import { Effect } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { RpcServer } from "../Platform.js"
import { PeerDoor } from "./PeerDoor.js"

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** A door whose calls are only counted, until the test answers them. */
const setup = async () => {
  const door = new PeerDoor()
  const taken: { readonly client: number; readonly id: string }[] = []
  const { protocol, fiber } = await Effect.runPromise(
    Effect.gen(function* () {
      const protocol = yield* RpcServer.Protocol
      const fiber = yield* Effect.forkDaemon(
        protocol.run((client, message) =>
          Effect.sync(() => {
            if (message._tag === "Request") taken.push({ client, id: message.id })
          }),
        ),
      )
      yield* Effect.yieldNow()
      return { protocol, fiber }
    }).pipe(Effect.provide(door.layer)),
  )
  stops.push(() => fiber.unsafeInterruptAsFork(fiber.id()))
  const answer = (client: number, requestId: string, value: unknown) =>
    Effect.runSync(
      protocol.send(client, { _tag: "Exit", requestId, exit: { _tag: "Success", value } }),
    )
  return { door, taken, answer }
}

const request = (id: number, payload: unknown = {}) =>
  packValue({ _tag: "Request", id: String(id), tag: "Ping", payload, headers: [] })

describe("PeerDoor", () => {
  it("answers the peer that asked, and one that has gone not at all", async () => {
    const { door, taken, answer } = await setup()
    const sent: unknown[][] = [[], []]
    const lines = sent.map((to) => door.open((payload) => void to.push(unpackValue(payload))))
    for (const line of lines) expect(line.receive(request(1))).toBeUndefined()
    const [one, two] = taken
    lines[1].close()
    answer(one.client, "1", 7)
    answer(two.client, "1", 8)
    const exit = { _tag: "Success", value: 7 }
    expect(sent).toEqual([[{ _tag: "Exit", requestId: "1", exit }], []])
  })

  it("bounds the calls and the bytes that one peer has open", async () => {
    const { door, taken, answer } = await setup()
    const line = door.open(() => {})
    for (let id = 1; id <= limits.peerCallsMax; id++) line.receive(request(id))
    expect(line.receive(request(9_999))).toMatchObject({ data: { limit: "peerCallsMax" } })
    answer(taken[0].client, "1", 0)
    expect(line.receive(request(9_999))).toBeUndefined()
    const heavy = door.open(() => {})
    const payload = new Uint8Array(limits.frameBytesMax)
    for (let id = 1; id <= 3; id++) expect(heavy.receive(request(id, payload))).toBeUndefined()
    expect(heavy.receive(request(4, payload))).toMatchObject({
      data: { limit: "peerCallBytesMax" },
    })
  })

  it("refuses a number that is still in use", async () => {
    const { door } = await setup()
    const line = door.open(() => {})
    line.receive(request(1))
    expect(line.receive(request(1))).toMatchObject({ _tag: "ProtocolError" })
  })

  it("an answer that is too large to be sent becomes a fault of its call alone", async () => {
    const { door, taken, answer } = await setup()
    const sent: unknown[] = []
    const line = door.open((payload) => void sent.push(unpackValue(payload)))
    line.receive(request(1))
    answer(taken[0].client, "1", new Uint8Array(limits.frameBytesMax + 1))
    expect(sent).toMatchObject([{ requestId: "1", exit: { cause: { _tag: "Die" } } }])
  })

  it("before its engine runs, the peer is told to come again", () => {
    const line = new PeerDoor().open(() => {})
    expect(line.receive(request(1))).toMatchObject({ _tag: "ShardUnavailable" })
  })
})
