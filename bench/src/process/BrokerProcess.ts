/**
 * Owns one broker process: its own process group, its log file, its end. Knows no protocol: it
 * is ready when its port takes connections. Shutdown order: SIGTERM to the process, and after
 * `stopMsMax` SIGKILL to the whole group, so that a helper of the broker cannot stay behind.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs"
import path from "node:path"
import { onCleanup, ownGroup, signalGroup } from "./Cleanup.js"
import { canConnect } from "./ports.js"

const readyMsMax = 60_000
const stopMsMax = 10_000
const pollMs = 10
const logTailLines = 15

export interface Launch {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly dir: string
  readonly env?: NodeJS.ProcessEnv
  /** Ready when this port of 127.0.0.1 takes a connection. */
  readonly port: number
  /** Opens an ipc channel, so that a Node child notices when this process is gone. */
  readonly ipc?: boolean
}

export class BrokerProcess {
  readonly pid: number
  readonly exited: Promise<void>
  private ended = false

  private constructor(
    child: ChildProcess,
    readonly launch: Launch,
    readonly logFile: string,
  ) {
    if (child.pid === undefined) throw new Error(`${launch.name}: ${launch.command} did not start`)
    this.pid = child.pid
    const release = [ownGroup(child.pid), onCleanup(() => this.stop())]
    this.exited = new Promise((resolve) => {
      child.once("exit", () => {
        this.ended = true
        for (const forget of release) forget()
        resolve()
      })
    })
  }

  static async start(launch: Launch): Promise<BrokerProcess> {
    mkdirSync(launch.dir, { recursive: true })
    const logFile = path.join(launch.dir, "broker.log")
    const log = openSync(logFile, "a")
    const child = spawn(launch.command, launch.args, {
      detached: true,
      cwd: launch.dir,
      env: { ...process.env, ...launch.env },
      stdio: launch.ipc ? ["ignore", log, log, "ipc"] : ["ignore", log, log],
    })
    closeSync(log)
    const failed = new Promise<never>((_, reject) => child.once("error", reject))
    failed.catch(() => undefined)
    if (child.pid === undefined) await failed
    const broker = new BrokerProcess(child, launch, logFile)
    await broker.ready()
    return broker
  }

  /** SIGKILL to the whole group. */
  async kill(): Promise<void> {
    if (!this.ended) signalGroup(this.pid, "SIGKILL")
    await this.exited
  }

  async stop(): Promise<void> {
    if (this.ended) return
    process.kill(this.pid, "SIGTERM")
    const timer = setTimeout(() => signalGroup(this.pid, "SIGKILL"), stopMsMax)
    await this.exited
    clearTimeout(timer)
    signalGroup(this.pid, "SIGKILL")
  }

  private async ready(): Promise<void> {
    const deadline = performance.now() + readyMsMax
    while (!(await canConnect(this.launch.port))) {
      if (this.ended) throw new Error(`${this.launch.name} ended at start:\n${this.logTail()}`)
      if (performance.now() > deadline) {
        await this.kill()
        throw new Error(
          `${this.launch.name} did not listen in ${readyMsMax} ms:\n${this.logTail()}`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }

  private logTail(): string {
    if (!existsSync(this.logFile)) return "(no log)"
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-logTailLines).join("\n")
  }
}
