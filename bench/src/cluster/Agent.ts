/**
 * A client process as the bench sees it: every call is a promise. Shutdown: `close` asks it to end
 * in order and ends it by force after `closeMsMax`.
 */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { onCleanup } from "../process/Cleanup.js"
import type { AgentAnswer, AgentCall, AgentCalls, AgentRequest } from "./agentMessages.js"

const closeMsMax = 5000
const main = fileURLToPath(new URL("./agentMain.js", import.meta.url))

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

export class Agent {
  private readonly waiting = new Map<number, Waiting>()
  private readonly exited: Promise<void>
  private readonly forget: () => void
  private calls = 0
  private closing: Promise<void> | undefined

  private constructor(
    readonly name: string,
    private readonly child: ChildProcess,
  ) {
    this.forget = onCleanup(() => this.close())
    child.on("message", (message) => this.answered(message as AgentAnswer))
    this.exited = new Promise((resolve) => {
      child.once("exit", () => {
        const error = new Error(`the client process ${name} ended`)
        for (const { reject } of this.waiting.values()) reject(error)
        this.waiting.clear()
        resolve()
      })
    })
  }

  static async start(name: string, address: string): Promise<Agent> {
    const child = fork(main, [], { serialization: "advanced" })
    const agent = new Agent(name, child)
    await agent.call("connect", address, `bench ${name}`)
    return agent
  }

  call<Call extends AgentCall>(
    call: Call,
    ...args: Parameters<AgentCalls[Call]>
  ): Promise<ReturnType<AgentCalls[Call]>> {
    const request: AgentRequest = { id: ++this.calls, call, args }
    return new Promise((resolve, reject) => {
      this.waiting.set(request.id, {
        resolve: (value) => resolve(value as ReturnType<AgentCalls[Call]>),
        reject,
      })
      this.child.send(request, (error) => {
        if (error !== null) this.answered({ id: request.id, error: error.message })
      })
    })
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private async end(): Promise<void> {
    const timer = setTimeout(() => this.child.kill("SIGKILL"), closeMsMax)
    await this.call("close").catch(() => undefined)
    if (this.child.connected) this.child.disconnect()
    await this.exited
    clearTimeout(timer)
    this.forget()
  }

  private answered(answer: AgentAnswer): void {
    const waiting = this.waiting.get(answer.id)
    this.waiting.delete(answer.id)
    if (waiting === undefined) return
    if ("error" in answer) waiting.reject(new Error(`${this.name}: ${answer.error}`))
    else waiting.resolve(answer.value)
  }
}
