/** Owns: a node process of a test, seen from outside: its views, its signals, its end. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Membership, SeenNode, TableStore } from "@skein/journal"
import type { Question } from "./ClusterChild.js"

const program = fileURLToPath(new URL("../../dist/testkit/ClusterChild.js", import.meta.url))

interface Refused {
  readonly tag: string
  readonly data: Readonly<Record<string, string | number>>
}

interface Message {
  readonly ready?: { readonly instance: string; readonly fabricId: string }
  readonly refused?: Refused
  readonly nodes?: readonly SeenNode[]
  readonly changed?: true
  readonly number?: number
  readonly value?: unknown
}

export class ClusterProcess {
  readonly child: ChildProcess
  instance = ""
  fabricId = ""
  refused: Refused | undefined
  #nodes: readonly SeenNode[] = []
  #number = 0
  readonly #answers = new Map<number, (value: unknown) => void>()
  readonly #changed = new Set<() => void>()
  #wakers: (() => void)[] = []
  #ended = false

  constructor(dir: string, name: string, mode: "alone" | "shared" = "shared") {
    this.child = fork(program, [dir, name, mode], { stdio: ["ignore", "ignore", "inherit", "ipc"] })
    this.child.on("message", (message) => this.#take(message as Message))
    this.child.on("exit", () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** Resolves when it is open, or was refused. */
  async settled(): Promise<this> {
    while (this.instance === "" && this.refused === undefined && !this.#ended) await this.next()
    return this
  }

  /** The next message from it, or its end. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#wakers.push(resolve))
  }

  readonly membership: Membership = Object.defineProperty(
    {
      self: "",
      tell: async (change: object) => void (await this.ask({ what: "tell", change })),
      nodes: () => this.#nodes,
      onChange: (listener: () => void) => {
        this.#changed.add(listener)
        return () => this.#changed.delete(listener)
      },
    },
    "self",
    { get: () => this.instance },
  )

  readonly tables: TableStore = {
    read: async () => {
      type Stored = { readonly version: number; readonly text: string } | undefined
      const stored = (await this.ask({ what: "read" })) as Stored
      return stored && { version: stored.version, bytes: Buffer.from(stored.text) }
    },
    replace: async (after, bytes) => {
      const text = Buffer.from(bytes).toString()
      return (await this.ask({ what: "replace", after, text })) === true
    },
    onChange: (listener) => {
      this.#changed.add(listener)
      void this.ask({ what: "listen" })
      return () => this.#changed.delete(listener)
    },
  }

  ask(question: Omit<Question, "number">): Promise<unknown> {
    const number = ++this.#number
    this.child.send({ ...question, number })
    return new Promise((resolve) => this.#answers.set(number, resolve))
  }

  async kill(signal: "SIGCONT" | "SIGKILL" | "SIGSTOP"): Promise<void> {
    this.child.kill(signal)
    while (signal === "SIGKILL" && !this.#ended) await this.next()
  }

  #take({ ready, refused, nodes, changed, number, value }: Message): void {
    if (ready !== undefined) {
      this.instance = ready.instance
      this.fabricId = ready.fabricId
    }
    this.refused = refused ?? this.refused
    const seen = nodes !== undefined && JSON.stringify(nodes) !== JSON.stringify(this.#nodes)
    this.#nodes = nodes ?? this.#nodes
    if (seen || changed === true) for (const listener of this.#changed) listener()
    if (number !== undefined) this.#answers.get(number)?.(value)
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake()
  }
}
