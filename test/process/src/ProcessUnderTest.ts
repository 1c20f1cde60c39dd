/**
 * A node as a real process: started, waited for, killed, stopped, continued and started again on
 * the same directory and port. Knows of the product only its command line and its ready line,
 * one JSON object `{"event":"listening","address":"127.0.0.1:4117"}` on stdout.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { adopt } from "./adopt.js"
import { within } from "./within.js"

/** Program and arguments that serve `directory` on `port` (0: any free one). */
export type ServeCommand = (directory: string, port: number) => ReadonlyArray<string>

const skeinMain = fileURLToPath(new URL("../../../apps/skein/dist/main.js", import.meta.url))

export const serveSkein: ServeCommand = (directory, port) => [
  process.execPath,
  skeinMain,
  ...["node", "start", "--dir", directory, "--port", String(port), "--output", "json"],
]

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const stderrKeptMax = 262_144

interface Waiting {
  readonly text: string
  readonly seen: () => void
  heard: string
}

export class ProcessUnderTest {
  #child: ChildProcess | undefined
  #exit: Promise<Exit> = Promise.resolve({ code: 0, signal: null })
  #port = 0
  #address = ""
  #stderr = ""
  #waiting: Array<Waiting> = []

  constructor(
    readonly directory: string,
    readonly serve: ServeCommand,
    readonly readyTimeoutMs = 30_000,
  ) {}

  /** Host and port; the same after every restart. */
  get address(): string {
    return this.#address
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** The last of what all incarnations wrote to stderr. */
  get stderr(): string {
    return this.#stderr
  }

  /** Starts it and waits until it listens. Fails with its stderr if it ends before. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error("it is running")
    const [program, ...args] = this.serve(this.directory, this.#port)
    const child = adopt(spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] }))
    this.#child = child
    this.#exit = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#keep(`${error.message}\n`)
        resolve({ code: null, signal: null })
      })
      child.once("close", (code, signal) => resolve({ code, signal }))
    })
    this.#exit.then(() => {
      this.#child = undefined
    })
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#keep(text))
    try {
      this.#address = await within(this.#ready(child), this.readyTimeoutMs, "listening line")
    } catch (error) {
      await this.kill()
      throw new Error(`${(error as Error).message}\n${this.#stderr}`)
    }
    this.#port = Number(this.#address.slice(this.#address.lastIndexOf(":") + 1))
  }

  /** SIGKILL, then waits for the end. The signal is sent before this returns its promise. */
  async kill(): Promise<Exit> {
    return this.#end("SIGKILL", 10_000)
  }

  /** SIGTERM, then waits for the end. */
  async terminate(timeoutMs = 10_000): Promise<Exit> {
    return this.#end("SIGTERM", timeoutMs)
  }

  /** SIGSTOP: it keeps its sockets and its files, and does nothing. */
  pause(): void {
    this.#child?.kill("SIGSTOP")
  }

  resume(): void {
    this.#child?.kill("SIGCONT")
  }

  /** Resolves when it has written the text to stderr, from now on; wait for it within a time. */
  wrote(text: string): Promise<void> {
    return new Promise((seen) => this.#waiting.push({ text, seen, heard: "" }))
  }

  #end(signal: NodeJS.Signals, timeoutMs: number): Promise<Exit> {
    this.#child?.kill(signal)
    return within(this.#exit, timeoutMs, `end of the node after ${signal}`)
  }

  #ready(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#exit.then(({ code, signal }) =>
        reject(new Error(`the node ended before it listened (${code ?? signal})`)),
      )
      if (child.stdout === null) return
      createInterface({ input: child.stdout }).on("line", (line) => {
        const address = listeningAddress(line)
        if (address !== undefined) resolve(address)
      })
    })
  }

  #keep(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-stderrKeptMax)
    this.#waiting = this.#waiting.filter((each) => {
      each.heard = (each.heard + text).slice(-stderrKeptMax)
      if (each.heard.includes(each.text)) each.seen()
      return !each.heard.includes(each.text)
    })
  }
}

/** The address of a ready line; other lines may come before it. */
export const listeningAddress = (line: string): string | undefined => {
  try {
    const { event, address } = JSON.parse(line) as { event?: unknown; address?: unknown }
    return event === "listening" && typeof address === "string" ? address : undefined
  } catch {
    return undefined
  }
}
