/**
 * Owns: a node's log on standard error: one line an event, as text or as JSON. No bodies, no
 * tokens.
 */
import type { Clock } from "@skein/model"
import type { PortEvent } from "@skein/node"
import type { NodeLine } from "../cluster/nodeLine.js"
import { safeText } from "../output/safeText.js"
import type { Terminal } from "../output/Terminal.js"

export type Level = "error" | "info" | "warn"

export class NodeLog {
  constructor(
    private readonly terminal: Pick<Terminal, "err" | "paintErr">,
    private readonly asJson: boolean,
    private readonly clock: Pick<Clock, "wallMs">,
  ) {}

  line(level: Level, text: string): void {
    this.#write(this.#now(), level, text)
  }

  /** A line of another process, the node's name before it. */
  relay(node: string, line: NodeLine): void {
    switch (line._tag) {
      case "Listening":
        return
      case "Log":
        return this.#write(line.time, line.level, line.text, node)
      case "Error":
        return this.#write(this.#now(), "error", `${line.error.code}: ${line.error.detail}`, node)
      case "Text":
        return this.#write(this.#now(), "warn", line.text, node)
    }
  }

  #write(time: string, level: Level, text: string, node?: string): void {
    if (this.asJson) {
      const from = node === undefined ? {} : { node }
      this.terminal.err(`${JSON.stringify({ time, ...from, level, text })}\n`)
      return
    }
    const shown = level === "info" ? level : this.terminal.paintErr(colours[level], level)
    const from = node === undefined ? "" : `${node}: `
    this.terminal.err(`${time} ${shown} ${safeText(from + text)}\n`)
  }

  #now(): string {
    return new Date(this.clock.wallMs()).toISOString()
  }

  /** What happens at the port, but for the coming and going of clients. */
  port(event: PortEvent): void {
    switch (event._tag) {
      case "Refused":
        return this.line("warn", `${event.peer} was refused: ${event.error.message}`)
      case "RequestFault":
        return this.line("error", `a fault in ${event.kind}: ${describe(event.cause)}`)
      case "Draining":
        return this.line("info", `draining ${event.connections} connections`)
      case "Connected":
      case "Disconnected":
      case "Listening":
      case "Stopped":
        return
    }
  }
}

const colours = { warn: "yellow", error: "red" } as const

const describe = (cause: unknown): string =>
  cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
