/**
 * Owns: what a line of a node's process says. Nodes are run with --output json, so each line is one
 * JSON object; what is not (a crash of Node itself) is passed on as text.
 */
import type { Level } from "../node/NodeLog.js"

/** A node serves. */
export interface Listening {
  readonly address: string
  readonly pid: number
  readonly fabricId: string
}

/** Why a node could not go on, as it showed it. */
export interface NodeError {
  readonly code: string
  readonly detail: string
  readonly next: string
  readonly retryable: boolean
}

export type NodeLine =
  | { readonly _tag: "Error"; readonly error: NodeError }
  | { readonly _tag: "Listening"; readonly listening: Listening }
  | { readonly _tag: "Log"; readonly time: string; readonly level: Level; readonly text: string }
  | { readonly _tag: "Text"; readonly text: string }

export const readNodeLine = (line: string): NodeLine => {
  const text: NodeLine = { _tag: "Text", text: line }
  const value = parsed(line)
  if (!isRecord(value)) return text
  if (value.event === "listening") {
    const { address, pid, fabricId } = value
    if (typeof address !== "string" || typeof fabricId !== "string") return text
    return { _tag: "Listening", listening: { address, pid: Number(pid), fabricId } }
  }
  const { error, level } = value
  if (isRecord(error) && typeof error.code === "string") {
    const [code, detail, next] = [error.code, String(error.detail), String(error.next)]
    return { _tag: "Error", error: { code, detail, next, retryable: error.retryable === true } }
  }
  if (level !== "error" && level !== "info" && level !== "warn") return text
  return { _tag: "Log", time: String(value.time), level, text: String(value.text) }
}

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null
