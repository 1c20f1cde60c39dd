/**
 * The clients under whose work faults are done: publisher and consumer processes of both APIs in
 * turn, over several queues, all by way of the relays.
 *
 * A client that ends without being killed is an error of the run, told at the next `arm`.
 */
import { fileURLToPath } from "node:url"
import { ChildClient, type ClientRole } from "../ChildClient.js"
import type { ClientSettings } from "../ClientMessages.js"
import { inFlightForKillMin } from "../InFlight.js"
import type { LogSource } from "../LogLines.js"

export interface LoadSettings {
  readonly address: string
  /** Compiled modules; clients use them in turn. */
  readonly adapters: ReadonlyArray<string>
  readonly logDirectory: string
  readonly epochNs: bigint
  readonly seed: string
  readonly sources: ReadonlyArray<LogSource>
  readonly publishers: number
  readonly consumers: number
  readonly waitMs: number
}

/** Compiled adapters: of the Promise API and of the Effect API. */
export const skeinAdapters: ReadonlyArray<string> = [
  fileURLToPath(new URL("../../dist/SkeinClient.js", import.meta.url)),
  fileURLToPath(new URL("../../dist/SkeinEffectClient.js", import.meta.url)),
]

const batchMessages = 50
/** Of one publisher: two of them make more than a fault needs in flight. */
const windowMessages = 300
const rejectProbability = 0.005

export class Load {
  readonly #clients: Record<ClientRole, Array<ChildClient>> = { publisher: [], consumer: [] }
  #started = 0

  constructor(readonly settings: LoadSettings) {}

  async start(): Promise<void> {
    const { publishers, consumers } = this.settings
    for (let each = 0; each < consumers; each++) await this.#start("consumer", each)
    for (let each = 0; each < publishers; each++) await this.#start("publisher", each)
  }

  clients(role: ClientRole): ReadonlyArray<ChildClient> {
    return this.#clients[role]
  }

  /** Another process, of the same API, in place of one that was killed. */
  async replace(role: ClientRole, victim: ChildClient): Promise<void> {
    await this.#start(role, this.#clients[role].indexOf(victim))
  }

  /** Resolves when every publisher has confirmed so many more and has enough in flight. */
  async arm(afterConfirmed: number): Promise<void> {
    const { waitMs } = this.settings
    for (const client of this.#all) {
      if (client.running) continue
      throw new Error(`${client.settings.process} ended by itself\n${client.stderr}`)
    }
    const armed = this.#clients.publisher.map((publisher) => publisher.next("armed", waitMs))
    this.#tellPublishers({ type: "arm", afterConfirmed, inFlightMin: inFlightForKillMin })
    await Promise.all(armed)
  }

  /** Publishes in flight at a moment, as the publishers that live say. */
  async inFlightAt(atNs: number): Promise<number> {
    const living = this.#clients.publisher.filter(({ running }) => running)
    const answers = living.map((each) => each.next("wasInFlight", this.settings.waitMs))
    for (const publisher of living) publisher.tell({ type: "inFlightAt", atNs })
    return (await Promise.all(answers)).reduce((sum, { count }) => sum + count, 0)
  }

  async stopPublishing(): Promise<void> {
    const { publisher } = this.#clients
    await Promise.all(publisher.map((each) => each.stop(this.settings.waitMs)))
    this.#clients.publisher = []
  }

  /** Resolves when every consumer has found a queue empty once more. */
  async idle(): Promise<void> {
    const { waitMs } = this.settings
    await Promise.all(this.#clients.consumer.map((each) => each.next("idle", waitMs)))
  }

  async stopConsuming(): Promise<void> {
    const { consumer } = this.#clients
    await Promise.all(consumer.map((each) => each.stop(this.settings.waitMs)))
    this.#clients.consumer = []
  }

  /** All clients stand still, or those of one role. */
  pause(role?: ClientRole): void {
    for (const client of role === undefined ? this.#all : this.#clients[role]) client.pause()
  }

  resume(): void {
    for (const client of this.#all) client.resume()
  }

  async kill(): Promise<void> {
    await Promise.allSettled(this.#all.map((client) => client.kill()))
  }

  stderr(): string {
    return this.#all.map(({ settings, stderr }) => `${settings.process}: ${stderr}`).join("\n")
  }

  get #all(): ReadonlyArray<ChildClient> {
    return [...this.#clients.publisher, ...this.#clients.consumer]
  }

  #tellPublishers(message: Parameters<ChildClient["tell"]>[0]): void {
    for (const publisher of this.#clients.publisher) publisher.tell(message)
  }

  async #start(role: ClientRole, place: number): Promise<void> {
    const { address, adapters, logDirectory, epochNs, seed, sources, waitMs } = this.settings
    const settings: ClientSettings = {
      process: `${role}-${++this.#started}`,
      address,
      adapter: adapters[place % adapters.length],
      logDirectory,
      epochNs: String(epochNs),
      seed,
      sources,
      batchMessages,
      windowMessages,
      rejectProbability,
    }
    this.#clients[role][place] = await ChildClient.start(role, settings, waitMs)
  }
}
