/**
 * Owns: the way of an operator's call from any node to the one that is the manager: this node is
 * asked first, then the node that it names. While there is no manager the call is made again, for
 * a bounded time.
 * Must not know: how nodes reach each other.
 */
import {
  type Clock,
  isSkeinError,
  limits,
  type NodeName,
  type SkeinError,
  skeinError,
} from "@skein/model"
import type { ManagerPort } from "@skein/wire"

export interface AskManagerOptions {
  readonly self: NodeName
  /** Of this node. */
  readonly local: ManagerPort
  readonly at: (node: NodeName) => ManagerPort
  readonly clock: Clock
  /** Default `limits.managerWithinMs`. */
  readonly withinMs?: number
}

const againAfterMs = 100

/** The manager, wherever it is. Rejects with ManagerUnavailable, and what it rejects with. */
export const askManager = (options: AskManagerOptions): ManagerPort => {
  const repeatable = asking(options, true)
  // Asked a second time it would answer that the shard is there already.
  const once = asking(options, false)
  return {
    drainNode: (node) => repeatable((manager) => manager.drainNode(node)),
    reviveNode: (node) => repeatable((manager) => manager.reviveNode(node)),
    planMoves: () => repeatable((manager) => manager.planMoves()),
    rebalance: () => once((manager) => manager.rebalance()),
    whyShard: (shard) => repeatable((manager) => manager.whyShard(shard)),
    moveShard: (shard, node) => once((manager) => manager.moveShard(shard, node)),
    decisions: (request) => repeatable((manager) => manager.decisions(request)),
  }
}

const asking =
  (
    { self, local, at, clock, withinMs = limits.managerWithinMs }: AskManagerOptions,
    again: boolean,
  ) =>
  async <A>(call: (manager: ManagerPort) => Promise<A>): Promise<A> => {
    const untilMs = clock.monotonicMs() + withinMs
    for (;;) {
      const here = await attempt(() => call(local))
      if ("value" in here) return here.value
      const { manager } = here.error.data
      let problem = here.error
      if (typeof manager === "string" && manager !== self && isElsewhere(problem)) {
        const there = await attempt(() => call(at(manager)))
        if ("value" in there) return there.value
        problem = there.error
        if (isGone(problem, again)) problem = gone(manager, problem)
      }
      if (!isElsewhere(problem) || clock.monotonicMs() >= untilMs) throw problem
      await new Promise<void>((resume) => clock.setTimer(againAfterMs, resume))
    }
  }

const isElsewhere = ({ _tag }: SkeinError): boolean => _tag === "ManagerUnavailable"

/** It went, and whether it did what was asked does not matter. NodeUnknown names it otherwise. */
const isGone = ({ _tag }: SkeinError, again: boolean): boolean => _tag === "TimedOut" && again

const gone = (manager: NodeName, { detail }: SkeinError): SkeinError =>
  skeinError("ManagerUnavailable", `${manager}, the manager, did not answer: ${detail}`, {
    manager,
  })

const attempt = async <A>(
  call: () => Promise<A>,
): Promise<{ readonly value: A } | { readonly error: SkeinError }> => {
  try {
    return { value: await call() }
  } catch (cause) {
    if (isSkeinError(cause)) return { error: cause }
    throw cause
  }
}
