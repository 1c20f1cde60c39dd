/**
 * Owns: the nodes of one machine under supervision: all are started together, one that ends is
 * started again after a backoff, one that ends too often is left alone while the others serve.
 * Must not know: what a node is beside a process that listens and ends.
 *
 * Stop: all nodes are asked at the same time, so that no shard moves to a node that is next to go;
 * then each is waited for. Interleavings: a node that ends while all are stopped is not started
 * again; one that has not listened yet is stopped like the others.
 */
import {
  type Backoff,
  Child,
  type Intensity,
  Policy,
  Supervisor,
  type SupervisorFailure,
} from "@skein/supervision"
import { Data, Effect, Exit, Queue, Scope } from "effect"
import type { NodeCommand, NodeEnd, RunningNode } from "./NodeProcess.js"
import type { Listening } from "./nodeLine.js"

export type ClusterEvent =
  | { readonly _tag: "Ended"; readonly node: string; readonly end: NodeEnd }
  /** It ended too often and is not started again. */
  | { readonly _tag: "GivenUp"; readonly node: string }
  /** Not its first start. */
  | { readonly _tag: "Restarted"; readonly node: string; readonly listening: Listening }

export interface LocalClusterOptions {
  readonly nodes: readonly NodeCommand[]
  readonly start: (command: NodeCommand) => RunningNode
  readonly onEvent: (event: ClusterEvent) => void
  /** Default 200 ms, doubled up to 5 s. */
  readonly backoff?: Backoff
  /** Of one node. Default 10 restarts in 60 s. */
  readonly intensity?: Intensity
}

export interface LocalNode extends Listening {
  readonly name: string
}

export interface LocalCluster {
  /** As they were when all listened for the first time. */
  readonly nodes: readonly LocalNode[]
  /** Resolves when every node has been given up. */
  readonly failed: Promise<void>
  /** Again: the same promise. Never rejects. */
  readonly stop: () => Promise<void>
}

/** A node ended before all listened for the first time. */
export class NodeNotStarted extends Error {
  override readonly name = "NodeNotStarted"
  constructor(
    readonly node: string,
    readonly end: NodeEnd,
  ) {
    super(`${node} ended before it listened`)
  }
}

/** `exit code 7`, `signal SIGKILL`. */
export const shownEnd = ({ code, signal, error }: NodeEnd): string => {
  const how = signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`
  return error === undefined ? how : `${how}: ${error.detail}`
}

class NodeEnded extends Data.TaggedError("NodeEnded")<{ readonly end: NodeEnd }> {
  override get message(): string {
    return shownEnd(this.end)
  }
}

const defaultBackoff: Backoff = { firstMs: 200, factor: 2, maxMs: 5_000, jitter: 0.2 }
const defaultIntensity: Intensity = { restartsMax: 10, windowMs: 60_000 }
/** Longer than a node takes before it is ended by force. */
const stopTimeoutMs = 13_000

/** Rejects with NodeNotStarted; the others are stopped then. */
export const openLocalCluster = async (options: LocalClusterOptions): Promise<LocalCluster> => {
  const nodes = new Nodes(options)
  try {
    const first = await nodes.start()
    return { nodes: first, failed: nodes.failed, stop: () => nodes.stop() }
  } catch (cause) {
    await nodes.stop()
    throw cause
  }
}

class Nodes {
  /** Resolves when every node has been given up. */
  readonly failed: Promise<void>
  readonly #running = new Map<string, RunningNode>()
  /** What was started first of each name: one that ends early may have been replaced already. */
  readonly #firsts = new Map<string, RunningNode>()
  readonly #scope = Effect.runSync(Scope.make())
  readonly #givenUp = new Set<string>()
  #allGivenUp: () => void = () => {}
  #stopping: Promise<void> | undefined

  constructor(private readonly options: LocalClusterOptions) {
    this.failed = new Promise((resolve) => {
      this.#allGivenUp = resolve
    })
  }

  async start(): Promise<readonly LocalNode[]> {
    const supervisor = await Effect.runPromise(
      Supervisor.make({
        name: "cluster",
        policy: clusterPolicy,
        children: this.options.nodes.map((command) => this.#node(command)),
      }).pipe(Scope.extend(this.#scope)),
    )
    const events = await Effect.runPromise(Scope.extend(supervisor.events, this.#scope))
    Effect.runFork(
      Queue.take(events).pipe(
        Effect.tap((event) => Effect.sync(() => this.#supervised(event))),
        Effect.forever,
        Effect.forkIn(this.#scope),
      ),
    )
    return Promise.all(this.options.nodes.map((command) => this.#first(command)))
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    for (const running of this.#running.values()) void running.stop()
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }

  async #first({ name }: NodeCommand): Promise<LocalNode> {
    const running = this.#firsts.get(name)
    if (running === undefined) throw new NodeNotStarted(name, { code: null, signal: null })
    const notStarted = running.ended.then((end) => Promise.reject(new NodeNotStarted(name, end)))
    return { name, ...(await Promise.race([running.listening, notStarted])) }
  }

  /** A supervisor for each node: the restarts of one do not count against another. */
  #node(command: NodeCommand): Child.Child<SupervisorFailure> {
    const { backoff = defaultBackoff, intensity = defaultIntensity } = this.options
    const process = Child.fiber({
      name: "process",
      stopTimeoutMs,
      start: Effect.acquireRelease(
        Effect.sync(() => this.#launch(command)),
        (running) => Effect.promise(() => running.stop()),
      ),
      run: (running: RunningNode) =>
        Effect.flatMap(
          Effect.promise(() => running.ended),
          (end) => this.#ended(command.name, end),
        ),
    })
    const { name } = command
    return Supervisor.child({ name, policy: nodePolicy, backoff, intensity, children: [process] })
  }

  #launch(command: NodeCommand): RunningNode {
    const { name } = command
    const running = this.options.start(command)
    this.#running.set(name, running)
    if (!this.#firsts.has(name)) this.#firsts.set(name, running)
    else {
      void running.listening.then((listening) =>
        this.options.onEvent({ _tag: "Restarted", node: name, listening }),
      )
    }
    return running
  }

  #ended(node: string, end: NodeEnd): Effect.Effect<never, NodeEnded> {
    // It was asked to: the supervisor is about to close.
    if (this.#stopping !== undefined) return Effect.never
    this.options.onEvent({ _tag: "Ended", node, end })
    return new NodeEnded({ end })
  }

  #supervised(event: { readonly _tag: string; readonly path: string }): void {
    if (event._tag !== "GaveUp") return
    const node = event.path.split("/")[1]
    this.#givenUp.add(node)
    this.options.onEvent({ _tag: "GivenUp", node })
    if (this.#givenUp.size === this.options.nodes.length) this.#allGivenUp()
  }
}

const nodePolicy = Policy.make<NodeEnded>({
  errors: { NodeEnded: "restart" },
  defect: "escalate",
})

const clusterPolicy = Policy.make<SupervisorFailure>({
  errors: { MaxRestarts: "stop", Escalated: "stop" },
  defect: "stop",
})
