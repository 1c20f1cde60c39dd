/**
 * Owns: a node's log on standard error: one line an event, as text or as JSON. No bodies, no
 * tokens.
 */
import type { Clock } from "@skein/model"
import type { PortEvent } from "@skein/node"
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
    const time = new Date(this.clock.wallMs()).toISOString()
    if (this.asJson) {
      this.terminal.err(`${JSON.stringify({ time, level, text })}\n`)
      return
    }
    const shown = level === "info" ? level : this.terminal.paintErr(colours[level], level)
    this.terminal.err(`${time} ${shown} ${safeText(text)}\n`)
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
