/**
 * Owns: the command run in this process against a real node in memory, with streams that tests
 * read.
 * One node serves all commands of a test; each command has a client of its own.
 */
import { makeClient, Queue, type SkeinClient } from "@skein/client"
import { openNode } from "@skein/embedded/openNode"
import type { Admin } from "@skein/wire"
import { onTestFinished } from "vitest"
import type { Terminal } from "../output/Terminal.js"
import { OutputClosed } from "../output/Terminal.js"
import { runSkein } from "../runSkein.js"

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly env?: Record<string, string>
  readonly isTty?: boolean
  /** What the operator answers to a question. */
  readonly answer?: string
  readonly signal?: AbortSignal
  /** Standard output takes so many writes, then its reader is gone. */
  readonly writesMax?: number
  /** Called with each text as it is written to standard output. */
  readonly onOut?: (text: string) => void
  readonly nowMs?: () => number
}

export class RunningSkein {
  private constructor(
    readonly newClient: () => Promise<SkeinClient>,
    /** Its calls may be replaced while commands run. */
    readonly admin: Admin,
    readonly close: () => Promise<void>,
  ) {}

  /**
   * `change` takes the place of calls of the node's Admin. `dir`: a fabric's data directory;
   * default: one in memory, of `shards` (1).
   */
  static async open(
    change: Partial<Admin> = {},
    { dir, shards = 1 }: { readonly dir?: string; readonly shards?: number } = {},
  ): Promise<RunningSkein> {
    const where =
      dir === undefined ? { storage: { memory: true as const }, shards } : { storage: { dir } }
    const node = await openNode({ ...where, version: "0.1.0" })
    onTestFinished(() => node.close())
    const { broker } = node.core
    const admin: Admin = Object.assign(Object.create(node.core.admin), change)
    const connection = { broker, admin, closed: node.failed, close: async () => {} }
    return new RunningSkein(
      () => makeClient(async () => connection),
      admin,
      () => node.close(),
    )
  }

  /** `skein ARGV…`. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const written = { out: "", err: "" }
    const code = await runSkein(argv, {
      env: options.env ?? {},
      terminal: terminalOf(written, options),
      version: "0.1.0",
      signal: options.signal ?? new AbortController().signal,
      nowMs: options.nowMs ?? (() => performance.now()),
      openClient: async () => ({ client: await this.newClient(), Queue }),
    })
    return { code, ...written }
  }

  /** Runs and reads the JSON on standard output. */
  async json(...argv: readonly string[]): Promise<unknown> {
    const { code, out, err } = await this.run([...argv, "--output", "json"])
    if (code !== 0) throw new Error(`exit ${code}: ${err}`)
    return JSON.parse(out)
  }
}

const terminalOf = (written: { out: string; err: string }, options: RunOptions): Terminal => {
  const isTty = options.isTty === true
  let writesLeft = options.writesMax ?? Number.POSITIVE_INFINITY
  return {
    outIsTty: isTty,
    errIsTty: isTty,
    inIsTty: isTty,
    columns: 80,
    out: async (text) => {
      if (writesLeft === 0) throw new OutputClosed()
      writesLeft -= 1
      // Bytes as latin1, so that a test can tell each.
      const shown = typeof text === "string" ? text : Buffer.from(text).toString("latin1")
      written.out += shown
      options.onOut?.(shown)
    },
    err: (text) => {
      written.err += text
    },
    paintOut: (style, text) => (isTty ? `<${style}>${text}</>` : text),
    paintErr: (style, text) => (isTty ? `<${style}>${text}</>` : text),
    ask: async (question) => {
      written.err += question
      return options.answer ?? ""
    },
  }
}
