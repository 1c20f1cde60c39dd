/**
 * The fabric that faults are done to: node processes on one data directory, each behind a relay
 * whose address it advertises, so that clients and the other nodes come through the relay.
 *
 * Shutdown order: nodes (one after the other, so that shards can be handed on), then relays.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { ProcessUnderTest, type ServeCommand, serveSkein } from "../ProcessUnderTest.js"
import { Relay } from "./Relay.js"

/** Wall time of one node, if libfaketime is there: read again at every look at the clock. */
export interface NodeClock {
  readonly library: string
  readonly file: string
}

export interface NodeUnderTest {
  readonly name: string
  readonly process: ProcessUnderTest
  readonly relay: Relay
  readonly clock: NodeClock | undefined
}

export interface FabricSettings {
  /** An empty directory of the run's own. */
  readonly directory: string
  readonly nodes: number
  readonly shards: number
  /** libfaketime, if nodes shall run under it. */
  readonly fakeTime: string | undefined
  readonly waitMs: number
  /** The command that a node is started with, made of the one that it would be. */
  readonly wrap?: (command: ReadonlyArray<string>) => ReadonlyArray<string>
  /** Another fabric in place of Skein. */
  readonly serve?: ServeCommand | undefined
}

export class FabricUnderTest {
  #closed = false

  private constructor(
    readonly nodes: ReadonlyArray<NodeUnderTest>,
    readonly entry: Relay,
    readonly shards: number,
  ) {}

  static async start(settings: FabricSettings): Promise<FabricUnderTest> {
    const { directory, waitMs } = settings
    const data = join(directory, "data")
    mkdirSync(data, { recursive: true })
    const bootstrapPort = await freePort()
    const nodes: Array<NodeUnderTest> = []
    for (let number = 1; number <= settings.nodes; number++) {
      const name = `n${number}`
      const relay = await Relay.listen((): string => node.process.address)
      const clock = clockOf(settings, name)
      const member = { name, bootstrapPort, advertise: relay.address }
      const serve = serveNode(settings, settings.nodes > 1 ? member : undefined, clock)
      const node = { name, process: new ProcessUnderTest(data, serve, waitMs), relay, clock }
      nodes.push(node)
    }
    const [first] = nodes
    const entry =
      nodes.length === 1 ? first.relay : await Relay.listen(() => `127.0.0.1:${bootstrapPort}`)
    const fabric = new FabricUnderTest(nodes, entry, settings.shards)
    try {
      for (const { process } of nodes) await process.start()
    } catch (error) {
      await fabric.kill()
      throw error
    }
    return fabric
  }

  /** What a client is given. */
  get address(): string {
    return this.entry.address
  }

  /** Every relay, each once. */
  get relays(): ReadonlyArray<Relay> {
    return [...new Set([this.entry, ...this.nodes.map(({ relay }) => relay)])]
  }

  /** SIGTERM to each; answers the exit codes that are not 0, by node. */
  async stop(waitMs: number): Promise<ReadonlyArray<string>> {
    const wrong: Array<string> = []
    for (const { name, process } of this.nodes) {
      const { code, signal } = await process.terminate(waitMs)
      if (code !== 0) wrong.push(`${name} ended with ${code ?? signal} after SIGTERM`)
    }
    return wrong
  }

  /** Ends whatever is left; may be called again. */
  async kill(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.allSettled(this.nodes.map(({ process }) => process.kill()))
    await Promise.all(this.relays.map((relay) => relay.close()))
  }

  stderr(): string {
    return this.nodes.map(({ name, process }) => `${name}: ${process.stderr}`).join("\n")
  }
}

interface Member {
  readonly name: string
  readonly bootstrapPort: number
  readonly advertise: string
}

const serveNode =
  (
    { shards, serve, wrap = (command) => command }: FabricSettings,
    member: Member | undefined,
    clock: NodeClock | undefined,
  ): ServeCommand =>
  (directory, port) => {
    if (serve !== undefined) return serve(directory, port)
    const command = [...serveSkein(directory, port), "--shards", String(shards)]
    if (member !== undefined) {
      const { name, bootstrapPort, advertise } = member
      command.push("--cluster", "--node", name, "--bootstrap", `127.0.0.1:${bootstrapPort}`)
      command.push("--advertise", advertise)
    }
    const wrapped = wrap(command)
    return clock === undefined ? wrapped : [...fakeTimeOf(clock), ...wrapped]
  }

const clockOf = (settings: FabricSettings, name: string): NodeClock | undefined => {
  if (settings.fakeTime === undefined) return undefined
  const clock = { library: settings.fakeTime, file: join(settings.directory, `${name}.clock`) }
  writeFileSync(clock.file, "+0")
  return clock
}

/** Timers and monotonic time stay true: only the wall clock is set. */
const fakeTimeOf = ({ library, file }: NodeClock): ReadonlyArray<string> => [
  "/usr/bin/env",
  `LD_PRELOAD=${library}`,
  `FAKETIME_TIMESTAMP_FILE=${file}`,
  "FAKETIME_NO_CACHE=1",
  "FAKETIME_DONT_FAKE_MONOTONIC=1",
]

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
