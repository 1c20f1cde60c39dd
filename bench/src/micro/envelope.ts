/**
 * Measures what a publish costs at the port alone: no queue, no journal, one connection on
 * loopback, each end in its own process. Envelopes of ours beside @effect/rpc in rpc envelopes, in
 * turns; medians of the rounds. The figures of packages/wire/README.md.
 *
 *   node bench/dist/micro/envelope.js [seconds] [rounds]
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { connectFabric } from "@skein/client"
import { encodeFrame, type PublishAnswer, type PublishRequest } from "@skein/wire"
import { median } from "../measure/median.js"
import { publishByRpc } from "./RpcLine.js"

const [seconds = 1, rounds = 5] = process.argv.slice(2).map(Number)
const bodyBytes = 256

type Publish = (request: PublishRequest) => Promise<PublishAnswer>

interface Case {
  readonly plane: "envelope of ours" | "@effect/rpc"
  readonly messages: number
  readonly inFlight: number
}

const cases: readonly Case[] = [
  { plane: "envelope of ours", messages: 10, inFlight: 8 },
  { plane: "@effect/rpc", messages: 10, inFlight: 8 },
  { plane: "envelope of ours", messages: 1_000, inFlight: 8 },
  { plane: "@effect/rpc", messages: 1_000, inFlight: 8 },
  { plane: "envelope of ours", messages: 100, inFlight: 8 },
  { plane: "envelope of ours", messages: 1, inFlight: 64 },
]

interface Figures {
  readonly callsPerSecond: number
  readonly clientMicroseconds: number
  readonly nodeMicroseconds: number
}

const microseconds = ({ user, system }: NodeJS.CpuUsage): number => user + system

const cpuOf = async (node: ChildProcess): Promise<number> => {
  node.send("cpu")
  const [usage] = await once(node, "message")
  return microseconds(usage)
}

let frameNumber = 0

/** So many calls in flight until the time is over. */
const load = async (publish: Publish, frame: Uint8Array, inFlight: number): Promise<number> => {
  const endMs = performance.now() + seconds * 1000
  const request = { queue: { shard: 0, generation: 1 }, producer: "ab".repeat(16), frame }
  let calls = 0
  const one = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await publish({ ...request, frameNumber: ++frameNumber })
      calls++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return calls
}

const measure = async (node: ChildProcess, publish: Publish, one: Case): Promise<Figures> => {
  const body = new Uint8Array(bodyBytes).fill(0x41)
  const frame = encodeFrame(Array.from({ length: one.messages }, () => ({ body })))
  const nodeBefore = await cpuOf(node)
  const before = process.cpuUsage()
  const startMs = performance.now()
  const calls = await load(publish, frame, one.inFlight)
  const tookMs = performance.now() - startMs
  const client = microseconds(process.cpuUsage(before))
  const there = (await cpuOf(node)) - nodeBefore
  return {
    callsPerSecond: (calls * 1000) / tookMs,
    clientMicroseconds: client / calls,
    nodeMicroseconds: there / calls,
  }
}

const node = fork(new URL("./envelopeNode.js", import.meta.url))
try {
  const [ports] = (await once(node, "message")) as [{ readonly own: number; readonly rpc: number }]
  const connection = await connectFabric({ address: `127.0.0.1:${ports.own}` })
  const socket = connect({ host: "127.0.0.1", port: ports.rpc, noDelay: true })
  const planes: Record<Case["plane"], Publish> = {
    "envelope of ours": (request) => connection.broker.publish(request),
    "@effect/rpc": publishByRpc(socket),
  }
  const figures = cases.map((): Figures[] => [])
  // The first round is warm-up.
  for (let round = 0; round <= rounds; round++) {
    for (const [at, one] of cases.entries()) {
      const measured = await measure(node, planes[one.plane], one)
      if (round > 0) figures[at]?.push(measured)
    }
  }
  for (const [at, { plane, messages, inFlight }] of cases.entries()) {
    const of = (key: keyof Figures, digits: number): string =>
      median(figures[at]?.map((each) => each[key]) ?? []).toFixed(digits)
    process.stdout.write(
      `${plane}, ${messages} messages a frame, ${inFlight} in flight: ` +
        `${of("callsPerSecond", 0)} calls/s, client ${of("clientMicroseconds", 1)} us, ` +
        `node ${of("nodeMicroseconds", 1)} us\n`,
    )
  }
  await connection.close()
  socket.destroy()
} finally {
  node.disconnect()
}
