/**
 * Owns: what a node does about the shard table at one moment: claim the manager's token, give
 * shards without a living owner away, move shards, or nothing. It runs in every node.
 * Must not know: clocks, stores, tokens; how a move is done. Whether the token is really held is
 * looked at again by the shell before each write.
 */
import type { InstanceId, NodeName, Shard } from "@skein/model"
import { type ClusterView, type History, nodeNamed, noHistory } from "./ClusterView.js"
import { candidates, isLiving } from "./candidates.js"
import type { Move, Plan } from "./Plan.js"
import type { Policy } from "./Policy.js"
import { assigned, movingOf, type ShardTable } from "./ShardTable.js"
import { tuning } from "./Tuning.js"
import { historyAfter, type MoveSample, sampleOf, undoOf, type WatchedMove } from "./Undo.js"

export interface ManagerState {
  /** Since when the fabric has no manager that lives, as seen here. */
  readonly goneSinceMs: number | undefined
  /** Since when the token is held here. */
  readonly managesSinceMs: number | undefined
  /** No round of moves begins earlier. */
  readonly nextRoundMs: number
  readonly history: History
  readonly watched: readonly WatchedMove[]
}

export const newManager: ManagerState = {
  goneSinceMs: undefined,
  managesSinceMs: undefined,
  nextRoundMs: 0,
  history: noHistory,
  watched: [],
}

export interface ManagerInput {
  readonly self: NodeName
  /** Its history is the state's. */
  readonly view: Omit<ClusterView, "history">
  readonly table: ShardTable
  readonly holdsToken: boolean
  /** Who holds the token, as last looked; `undefined`: nobody ever did. */
  readonly holder: InstanceId | undefined
  /** There is somebody who carries out moves. */
  readonly canMove: boolean
  /** Shards whose moves this node carries out right now. */
  readonly underWay: ReadonlySet<Shard>
}

export type ManagerOutput =
  | { readonly _tag: "Nothing"; readonly because: string }
  /** Try to take the manager's token. */
  | { readonly _tag: "Claim"; readonly because: string }
  /** Replace the table; each move gives a shard that nobody serves to a node. */
  | {
      readonly _tag: "Replace"
      readonly table: ShardTable
      readonly plan: Plan
      readonly because: string
    }
  /** Moves of an earlier manager, of which it is not known how they ended: look at the tokens. */
  | { readonly _tag: "Settle"; readonly shards: readonly Shard[] }
  /** Begin these moves. */
  | { readonly _tag: "Move"; readonly plan: Plan; readonly before: readonly MoveSample[] }

export interface ManagerStep {
  readonly state: ManagerState
  readonly output: ManagerOutput
}

export const managerStep = (
  policy: Policy,
  state: ManagerState,
  input: ManagerInput,
): ManagerStep => {
  if (!input.holdsToken) return watch(state, input)
  const { nowMs } = input.view
  const managesSinceMs = state.managesSinceMs ?? nowMs
  return manage(policy, { ...state, goneSinceMs: undefined, managesSinceMs }, input)
}

/** The view with what this manager remembers. */
export const viewWith = (state: ManagerState, input: ManagerInput): ClusterView => ({
  ...input.view,
  history: state.history,
})

const nothing = (state: ManagerState, because: string): ManagerStep => ({
  state,
  output: { _tag: "Nothing", because },
})

/** Not the manager: what another was doing is forgotten, and its silence watched. */
const watch = (old: ManagerState, { self, view, holder }: ManagerInput): ManagerStep => {
  const manager = view.nodes.find(({ instance }) => instance === holder)
  if (manager !== undefined && manager.state !== "silent") {
    return nothing(newManager, `${manager.node} is the manager`)
  }
  const goneSinceMs = old.goneSinceMs ?? view.nowMs
  const state = { ...newManager, goneSinceMs }
  const serving = view.nodes.filter((node) => node.state === "serving")
  const able = serving.length > 0 ? serving : view.nodes.filter((node) => node.state === "joining")
  const rank = able
    .map(({ node }) => node)
    .sort()
    .indexOf(self)
  if (rank < 0) return nothing(state, "the fabric has no manager, and this node cannot be it")
  const because = holder === undefined ? "there was no manager" : "the manager is silent or gone"
  if (view.nowMs - goneSinceMs < rank * tuning.claimStaggerMs) {
    return nothing(state, `${because}; ${rank} other nodes may claim first`)
  }
  // Should another be quicker or fail, the next attempt waits for its turn again.
  return { state: { ...state, goneSinceMs: undefined }, output: { _tag: "Claim", because } }
}

/** Shards that no living node should have. */
export const lostShards = (view: ClusterView, table: ShardTable): Shard[] => {
  const living = new Set<NodeName>()
  for (const node of view.nodes) if (isLiving(view, node)) living.add(node.node)
  const lost: Shard[] = []
  table.owners.forEach((owner, shard) => {
    if (owner === undefined || !living.has(owner)) lost.push(shard)
  })
  return lost
}

const manage = (policy: Policy, state: ManagerState, input: ManagerInput): ManagerStep => {
  const view = viewWith(state, input)
  const { table } = input
  const lost = lostShards(view, table)
  if (lost.length > 0) {
    if (waitsForOthers(state, input)) return nothing(state, "other nodes are starting")
    const plan = policy.allocate(view, table, lost)
    if (plan.moves.length === 0) return nothing(state, plan.held ?? "no node can take the shards")
    const because = `${plan.moves.length} shards had no living owner`
    return replaced(state, assigned(table, plan.moves, true), plan, because)
  }
  const failed = failedShards(view, table)
  if (failed.length > 0) return placedElsewhere(policy, state, view, table, failed)
  const orphans = movingOf(table).filter(({ shard }) => !input.underWay.has(shard))
  if (orphans.length > 0) {
    return { state, output: { _tag: "Settle", shards: orphans.map(({ shard }) => shard) } }
  }
  if (!input.canMove) return nothing(state, "moves are not carried out here")
  if (input.underWay.size > 0) return nothing(state, "moves are under way")
  return judge(policy, state, view, table) ?? round(policy, state, view, table)
}

/** Shards that their owner could not keep open, and that another node may have. */
const failedShards = (view: ClusterView, table: ShardTable): Shard[] => {
  const failed: Shard[] = []
  for (const { node, givenUp = [] } of view.nodes) {
    if (!candidates(view, table).some((each) => each !== node)) continue
    failed.push(...givenUp.filter((shard) => table.owners[shard] === node))
  }
  return failed
}

/** They do not go back where they failed for a while, and that node is no home to them. */
const placedElsewhere = (
  policy: Policy,
  old: ManagerState,
  view: ClusterView,
  table: ShardTable,
  failed: readonly Shard[],
): ManagerStep => {
  const untilMs = view.nowMs + tuning.barredMs
  const bars = new Map(old.history.bars)
  for (const shard of failed) {
    const node = table.owners[shard]
    if (node !== undefined) bars.set(shard, { node, untilMs })
  }
  const state = { ...old, history: { ...old.history, bars } }
  const plan = policy.allocate({ ...view, history: state.history }, table, failed)
  const because = `${failed.length} shards failed too often where they were`
  return replaced(state, assigned(table, plan.moves, false), plan, because)
}

const replaced = (
  state: ManagerState,
  table: ShardTable,
  plan: Plan,
  because: string,
): ManagerStep => ({ state, output: { _tag: "Replace", table, plan, because } })

/** Only for the very first table, so that a fabric that starts together begins even. */
const waitsForOthers = (state: ManagerState, { self, view, table }: ManagerInput): boolean =>
  table.version === 0 &&
  view.nowMs - (state.managesSinceMs ?? view.nowMs) < tuning.firstTableWaitsMs &&
  view.nodes.some((node) => node.state === "joining" && node.node !== self)

const judge = (
  policy: Policy,
  state: ManagerState,
  view: ClusterView,
  table: ShardTable,
): ManagerStep | undefined => {
  const due = (watched: WatchedMove) => view.nowMs - watched.doneAtMs >= tuning.judgedAfterMs
  const judged = state.watched.filter(due)
  if (judged.length === 0) return undefined
  const rest = { ...state, watched: state.watched.filter((watched) => !due(watched)) }
  const now = policy.rebalance(view, table).spread.before
  const undo: Move[] = []
  const able = candidates(view, table)
  for (const watched of judged) {
    const { shard, from } = watched.move
    if (from === undefined || !able.includes(from)) continue
    const back = assigned(table, [{ shard, to: from, reason: "" }], false)
    const spreadBack = policy.rebalance(view, back).spread.before
    const move = undoOf(watched, table, sampleOf(view, table, watched.move, now), spreadBack)
    if (move !== undefined) undo.push(move)
  }
  if (undo.length === 0) return nothing(rest, "no move made anything worse")
  const back = undo.map(({ shard, to, reason }) => ({ shard, to, reason }))
  const after = policy.rebalance(view, assigned(table, back, false)).spread.before
  return begun(rest, view, table, { moves: undo, spread: { before: now, after } })
}

const round = (
  policy: Policy,
  state: ManagerState,
  view: ClusterView,
  table: ShardTable,
): ManagerStep => {
  if (view.nowMs < state.nextRoundMs) return nothing(state, "the next round is not due")
  const plan = policy.rebalance(view, table)
  if (plan.moves.length > 0) return begun(state, view, table, plan)
  const next = { ...state, nextRoundMs: view.nowMs + tuning.roundEveryMs }
  return nothing(next, plan.held ?? "the load is even enough")
}

const begun = (
  state: ManagerState,
  view: ClusterView,
  table: ShardTable,
  plan: Plan,
): ManagerStep => {
  const before = plan.moves.map((move) => sampleOf(view, table, move, plan.spread.before))
  const nextRoundMs = view.nowMs + tuning.roundEveryMs
  return { state: { ...state, nextRoundMs }, output: { _tag: "Move", plan, before } }
}

/** The state after a move ended; `before`: absent for one that is not judged. */
export const moveEnded = (
  state: ManagerState,
  move: Move,
  outcome: "done" | "refused",
  before: MoveSample | undefined,
  nowMs: number,
): ManagerState => {
  const history = historyAfter(state.history, move, outcome, nowMs)
  const isJudged = outcome === "done" && move.kind === "balance" && before !== undefined
  if (!isJudged) return { ...state, history }
  const others = state.watched.filter((watched) => watched.move.shard !== move.shard)
  return { ...state, history, watched: [...others, { move, doneAtMs: nowMs, before }] }
}

/** The manager's node, if it is known and lives. */
export const managerNode = (
  view: ClusterView,
  holder: InstanceId | undefined,
): NodeName | undefined => {
  const node = view.nodes.find(({ instance }) => instance === holder)?.node
  return node !== undefined && isLiving(view, nodeNamed(view, node)) ? node : undefined
}
