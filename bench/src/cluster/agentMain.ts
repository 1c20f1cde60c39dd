/**
 * A client process of the bench: holds streams and answers the bench over the ipc channel. It ends
 * when that channel closes. One process carries the load and another one the probes, so that what
 * is measured does not wait for what loads.
 */
import { connect, Queue, type SkeinClient } from "@skein/client"
import { bodyMaker } from "../load/body.js"
import { Metronome } from "../load/Metronome.js"
import { monotonicMs } from "../measure/monotonicMs.js"
import type { AgentAnswer, AgentCalls, AgentRequest } from "./agentMessages.js"
import { Stream } from "./Stream.js"

type Handlers = {
  readonly [Call in keyof AgentCalls]: (
    ...args: Parameters<AgentCalls[Call]>
  ) => Promise<ReturnType<AgentCalls[Call]>>
}

const tickMs = 0.5
const fillBatch = 1000
const fillInFlightMax = 20

let client: SkeinClient
let metronome: Metronome | undefined
const streams: Stream[] = []

const chosen = (names: readonly string[] | undefined): readonly Stream[] =>
  streams.filter(({ spec }) => names === undefined || names.includes(spec.name))

const handlers: Handlers = {
  connect: async (address, clientName) => {
    client = await connect({ address, clientName })
  },
  fill: async (queue, messages, size) => {
    const handle = client.queue(Queue.bytes(queue))
    const makeBody = bodyMaker(size)
    let left = messages
    const lane = async (): Promise<void> => {
      while (left > 0) {
        const length = Math.min(fillBatch, left)
        left -= length
        await handle.publishMany(Array.from({ length }, () => makeBody(monotonicMs())))
      }
    }
    await Promise.all(Array.from({ length: fillInFlightMax }, lane))
  },
  open: async (specs) => {
    const opened = specs.map((spec) => new Stream(client, spec))
    for (const stream of opened) await stream.open()
    streams.push(...opened)
    metronome ??= new Metronome(tickMs, () => {
      for (const stream of streams) stream.tick()
    })
  },
  start: async (names) => {
    for (const stream of chosen(names)) stream.start()
  },
  take: async () => streams.map((stream) => stream.take()),
  stop: async (names) => {
    await Promise.all(chosen(names).map((stream) => stream.stop()))
  },
  audit: async () => streams.map((stream) => stream.audit()),
  close: async () => {
    await metronome?.stop()
    await Promise.all(streams.map((stream) => stream.close()))
    await client.close()
  },
}

const answer = (message: AgentAnswer): void => void process.send?.(message)

process.on("message", ({ id, call, args }: AgentRequest) => {
  const handler = handlers[call] as (...all: readonly unknown[]) => Promise<unknown>
  handler(...args).then(
    (value) => answer({ id, value }),
    (error: unknown) =>
      answer({ id, error: error instanceof Error ? error.message : String(error) }),
  )
})
process.on("disconnect", () => process.exit())
// A Ctrl-C in a terminal reaches this process too; the bench decides when it ends.
process.on("SIGINT", () => undefined)
