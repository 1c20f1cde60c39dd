/** Owns: what the catalog answers to each command. Decides, never mutates. */
import {
  defaultQueuePolicy,
  invariant,
  limits,
  type QueuePolicy,
  type QueueRef,
  queueNameProblem,
  sameQueuePolicy,
  skeinError,
} from "@skein/model"
import type { CatalogCommand, Declare, List } from "./CatalogCommand.js"
import type { CatalogDecision, CatalogQueue } from "./CatalogDecision.js"
import type { CatalogState } from "./CatalogState.js"

export const decideCatalog = (state: CatalogState, command: CatalogCommand): CatalogDecision => {
  switch (command._tag) {
    case "Declare":
      return decideDeclare(state, command)
    case "Remove":
      return decideRemove(state, command.name)
    case "Bury":
      return {
        events: state.doomed.has(command.generation)
          ? [{ _tag: "QueueBuried", generation: command.generation }]
          : [],
        reply: { _tag: "Buried" },
      }
    case "Lookup":
      return found(state.byName.get(command.name))
    case "LookupGeneration":
      return found(state.byGeneration.get(command.generation))
    case "List":
      return decideList(state, command)
  }
}

const decideDeclare = (state: CatalogState, command: Declare): CatalogDecision => {
  const { name, policy, shard } = command
  const problem = queueNameProblem(name)
  if (problem !== undefined) return refused("QueueNameInvalid", problem)
  const there = state.byName.get(name)
  if (there !== undefined) {
    if (!sameQueuePolicy(there.policy, policy)) {
      return policyMismatch(name, there.policy, policy)
    }
    return { events: [], reply: { _tag: "Declared", queue: refOf(there), created: false } }
  }
  const queues = state.byName.size + state.doomed.size
  if (queues >= limits.queuesPerFabricMax) {
    return refused("LimitExceeded", `the fabric has ${queues} queues`, {
      queuesPerFabricMax: limits.queuesPerFabricMax,
    })
  }
  invariant(shard >= 0 && shard < limits.shardsMax, "a shard that cannot exist is chosen")
  const generation = state.nextGeneration
  return {
    events: [{ _tag: "QueueDeclared", name, policy, shard, generation }],
    reply: { _tag: "Declared", queue: { shard, generation }, created: true },
  }
}

const policyKeys = Object.keys(defaultQueuePolicy) as readonly (keyof QueuePolicy)[]

/** Names each setting that differs with both values; `data` has those of the queue. */
const policyMismatch = (name: string, has: QueuePolicy, asked: QueuePolicy): CatalogDecision => {
  const other = policyKeys.filter((key) => has[key] !== asked[key])
  const shown = other.map((key) => `${key} is ${has[key]}, not ${asked[key]}`).join("; ")
  return refused(
    "PolicyMismatch",
    `queue ${name} exists with other settings: ${shown}`,
    Object.fromEntries(other.map((key) => [key, has[key]])),
  )
}

const decideRemove = (state: CatalogState, name: string): CatalogDecision => {
  const there = state.byName.get(name)
  if (there !== undefined) {
    return {
      events: [{ _tag: "QueueRemoved", generation: there.generation }],
      reply: { _tag: "Removed", queue: refOf(there) },
    }
  }
  // A repeat: the newest queue of that name may still have to be deleted in its shard.
  let newest: CatalogQueue | undefined
  for (const queue of state.doomed.values()) {
    if (queue.name === name && queue.generation > (newest?.generation ?? 0)) newest = queue
  }
  return {
    events: [],
    reply: { _tag: "Removed", ...(newest === undefined ? {} : { queue: refOf(newest) }) },
  }
}

const decideList = (state: CatalogState, command: List): CatalogDecision => {
  const { prefix, after } = command
  const rowsMax = Math.max(1, Math.min(command.rowsMax, limits.listPageRowsMax))
  const queues: CatalogQueue[] = []
  let more = false
  const start = after !== undefined && after > prefix ? after : prefix
  state.names.from(start, (name) => {
    if (name === after) return true
    if (!name.startsWith(prefix)) return false
    if (queues.length === rowsMax) {
      more = true
      return false
    }
    queues.push(state.byName.get(name) as CatalogQueue)
    return true
  })
  const next = queues.at(-1)?.name
  return {
    events: [],
    reply: { _tag: "Listed", queues, ...(more && next !== undefined ? { next } : {}) },
  }
}

const refOf = ({ shard, generation }: CatalogQueue): QueueRef => ({ shard, generation })

const found = (queue: CatalogQueue | undefined): CatalogDecision => ({
  events: [],
  reply: { _tag: "Found", ...(queue === undefined ? {} : { queue }) },
})

const refused = (
  tag: "LimitExceeded" | "PolicyMismatch" | "QueueNameInvalid",
  detail: string,
  data?: Readonly<Record<string, number>>,
): CatalogDecision => ({
  events: [],
  reply: { _tag: "Refused", error: skeinError(tag, detail, data) },
})
