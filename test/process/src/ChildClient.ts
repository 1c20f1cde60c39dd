/** The harness's side of a publisher or consumer process. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { adopt } from "./adopt.js"
import type { ClientSettings, FromClient, ToClient } from "./ClientMessages.js"
import { within } from "./within.js"

export type ClientRole = "publisher" | "consumer"

const mains: Readonly<Record<ClientRole, string>> = {
  publisher: fileURLToPath(new URL("../dist/publisherMain.js", import.meta.url)),
  consumer: fileURLToPath(new URL("../dist/consumerMain.js", import.meta.url)),
}

const stderrKeptMax = 65_536

export class ChildClient {
  readonly #child: ChildProcess
  readonly #waiting = new Map<FromClient["type"], (message: FromClient) => void>()
  readonly #ended: Promise<string>
  #stderr = ""

  private constructor(
    role: ClientRole,
    readonly settings: ClientSettings,
  ) {
    this.#child = adopt(
      fork(mains[role], [JSON.stringify(settings)], {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      }),
    )
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrKeptMax)
    })
    this.#child.on("message", (message) => {
      const { type } = message as FromClient
      const listener = this.#waiting.get(type)
      this.#waiting.delete(type)
      listener?.(message as FromClient)
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => resolve(String(code ?? signal)))
    })
  }

  /** Starts the process and waits until it is connected to the fabric. */
  static async start(
    role: ClientRole,
    settings: ClientSettings,
    timeoutMs: number,
  ): Promise<ChildClient> {
    const client = new ChildClient(role, settings)
    await client.next("ready", timeoutMs)
    return client
  }

  get stderr(): string {
    return this.#stderr
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  tell(message: ToClient): void {
    this.#child.send(message, () => {
      // A process that has ended is noticed where an answer is waited for.
    })
  }

  /**
   * The next message of a type that arrives from now on. Fails if the process ends before, or
   * after the timeout. One waiter per type.
   */
  async next<T extends FromClient["type"]>(
    type: T,
    timeoutMs: number,
  ): Promise<Extract<FromClient, { type: T }>> {
    const { process } = this.settings
    const message = new Promise<FromClient>((resolve) => this.#waiting.set(type, resolve))
    const end = this.#ended.then((how): never => {
      throw new Error(`${process} ended (${how}) before "${type}"\n${this.#stderr}`)
    })
    const winner = await within(Promise.race([message, end]), timeoutMs, `"${type}" of ${process}`)
    return winner as Extract<FromClient, { type: T }>
  }

  /** Lets it end in good order; fails unless it does. */
  async stop(timeoutMs: number): Promise<void> {
    const done = this.next("done", timeoutMs)
    this.tell({ type: "stop" })
    await done
    await within(this.#ended, timeoutMs, `end of ${this.settings.process}`)
  }

  /** SIGSTOP: what it is sent waits in its sockets, and nothing of it is sent again. */
  pause(): void {
    this.#child.kill("SIGSTOP")
  }

  resume(): void {
    this.#child.kill("SIGCONT")
  }

  /** SIGKILL; the signal is sent before this returns its promise. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL")
    await within(this.#ended, 10_000, `end of ${this.settings.process} after SIGKILL`)
  }
}
