/**
 * Owns: the manager's shell, one in every node: it sees the nodes, watches the manager's token,
 * and carries out what the pure state machine decides (ManagerMachine of @skein/placement). Only
 * the holder of the token writes the table.
 * Must not know: how a shard is opened or moved; policies; storage.
 *
 * One thing at a time: passes, operators' calls and ends of moves take turns in one chain. A move
 * itself runs beside the chain, so that a node which dies meanwhile is replaced at once; its end
 * takes a turn again, and counts only if the table still says that the shard is moving there.
 * Tricky:
 * - The token may go at any await. It is looked at again before each write, and the write is a
 *   compare-and-set (ManagedTable.ts).
 * - A manager that dies in the middle of a move leaves it in the table. Its successor looks whose
 *   the shard's token is, and writes that.
 * - A move that was done but whose end could not be written is such a move too.
 * Shutdown: `stop` ends passes and timers; it gives nothing away. Moves that run end by themselves
 * and are settled by the next manager.
 */
import type { ManagerToken, Membership, TableStore } from "@skein/journal"
import {
  type Clock,
  type Epoch,
  type InstanceId,
  limits,
  type NodeName,
  type Shard,
  type SkeinError,
} from "@skein/model"
import {
  type Assignment,
  assigned,
  averaged,
  type ClusterView,
  leastLoaded,
  type ManagerInput,
  type ManagerState,
  type Move,
  type MoveSample,
  managerNode,
  managerStep,
  moveEnded,
  movingOf,
  type NodeView,
  newManager,
  type Plan,
  type Policy,
  type ShardLoad,
  type ShardTable,
  tracked,
  viewWith,
  withMoving,
} from "@skein/placement"
import { isTable, ManagedTable } from "./ManagedTable.js"
import { type ManagerEvent, nodeEvents } from "./ManagerEvent.js"
import { type EndedMove, MoveRunner, type MoveShard } from "./MoveRunner.js"

export interface ManagerOptions {
  readonly self: NodeName
  /** How many shards the fabric has. */
  readonly shards: number
  readonly clock: Clock
  readonly membership: Membership
  readonly table: TableStore
  readonly token: ManagerToken
  /** What owners said last of their shards; asked once a `limits.loadSampleEveryMs`. */
  readonly loads: () => ReadonlyMap<Shard, ShardLoad>
  /** Default: least-loaded. */
  readonly policy?: Policy
  /** For the weighted policy; default: 1 each. */
  readonly weightOf?: (node: NodeName) => number
  /** Carries out a planned move. Absent: only shards that nobody serves are given away. */
  readonly move?: MoveShard
  /** Whose the shard's token is. Absent: a move whose end is unknown counts as not done. */
  readonly holderOf?: (shard: Shard) => Promise<InstanceId | undefined>
  readonly onDecision?: (event: ManagerEvent) => void
}

/** What operators' calls see, in a turn of their own. */
export interface Managing {
  readonly view: ClusterView
  readonly table: ShardTable
  readonly policy: Policy
  readonly canMove: boolean
  /** Rejects with ManagerUnavailable when another was quicker. */
  readonly replace: (next: ShardTable, because: string) => Promise<boolean>
  /** Stores that the moves begin, and begins them; `false`: another was quicker. */
  readonly begin: (plan: Plan, onEnd: (end: EndedMove) => void) => Promise<boolean>
}

/** Why this node cannot answer for the fabric. */
export interface NotManaging {
  readonly manager: NodeName | undefined
  readonly tableError: SkeinError | undefined
}

export class Manager {
  private readonly table: ManagedTable
  private readonly runner: MoveRunner
  private readonly policy: Policy
  private state: ManagerState = newManager
  private nodes: readonly NodeView[] = []
  private epoch: Epoch | undefined
  private holder: InstanceId | undefined
  private holderReadMs = Number.NEGATIVE_INFINITY
  private averages: ReadonlyMap<Shard, ShardLoad> = new Map()
  private sampledMs = Number.NEGATIVE_INFINITY
  private refused: SkeinError | undefined
  private chain: Promise<unknown> = Promise.resolve()
  private passIsDue = false
  private stopped = false
  private disarm: () => void = () => {}
  private readonly forgetNodes: () => void

  /** Begins at once. */
  constructor(private readonly options: ManagerOptions) {
    const { clock, membership, shards, token } = options
    this.policy = options.policy ?? leastLoaded
    this.table = new ManagedTable(options.table, token, shards, () => this.wake())
    this.runner = new MoveRunner(clock, options.move ?? (() => Promise.resolve("refused")))
    this.forgetNodes = membership.onChange(() => this.wake())
    this.wake()
    this.arm()
  }

  /** This node holds the manager's token, as looked at now. */
  get manages(): boolean {
    return this.epoch !== undefined && this.options.token.holds(this.epoch)
  }

  /** The node that has the manager's token, as far as it is known here. */
  get manager(): NodeName | undefined {
    if (this.manages) return this.options.self
    return this.nodes.find(({ instance }) => instance === this.holder)?.node
  }

  /** Resolves when what was under way is over and nothing more will be decided. */
  async stop(): Promise<void> {
    this.stopped = true
    this.disarm()
    this.forgetNodes()
    this.table.close()
    this.runner.stop()
    await this.chain
  }

  /** Runs `run` in a turn of its own, as the manager or not. */
  inTurn<A>(run: (managing: Managing | NotManaging) => Promise<A>): Promise<A> {
    return this.take(async () => {
      await this.look()
      const table = await this.table.read()
      const view = viewWith(this.state, this.input(emptyOf(table)))
      if (this.stopped || !this.manages || !isTable(table)) {
        const manager = this.manages ? this.options.self : managerNode(view, this.holder)
        return run({ manager, tableError: isTable(table) ? undefined : table })
      }
      return run({
        view,
        table,
        policy: this.policy,
        canMove: this.options.move !== undefined,
        replace: (next, because) => this.replace(next, [], because),
        begin: (plan, onEnd) => this.begin(table, plan, [], onEnd),
      })
    })
  }

  /** Tells whoever listens. */
  tell(event: ManagerEvent): void {
    this.options.onDecision?.(event)
  }

  private arm(): void {
    this.disarm = this.options.clock.setTimer(limits.aliveEveryMs, () => {
      if (this.stopped) return
      this.wake()
      this.arm()
    })
  }

  private wake(): void {
    if (this.passIsDue || this.stopped) return
    this.passIsDue = true
    void this.take(() => this.pass()).catch((cause: unknown) => {
      this.tell({ _tag: "Fault", detail: cause instanceof Error ? cause.message : String(cause) })
    })
  }

  private take<A>(run: () => Promise<A>): Promise<A> {
    const turn = this.chain.then(run)
    this.chain = turn.catch(() => {})
    return turn
  }

  private async pass(): Promise<void> {
    this.passIsDue = false
    if (this.stopped) return
    await this.look()
    const table = await this.table.read()
    if (!isTable(table)) return this.refuse(table)
    this.refused = undefined
    this.sample()
    const step = managerStep(this.policy, this.state, this.input(table))
    this.state = step.state
    const { output } = step
    switch (output._tag) {
      case "Nothing":
        return
      case "Claim":
        return this.claim(output.because)
      case "Replace": {
        await this.replace(output.table, output.plan.moves, output.because)
        return this.wake()
      }
      case "Settle":
        return this.settle(table, output.shards)
      case "Move":
        await this.begin(table, output.plan, output.before, () => {})
    }
  }

  /** Sees nodes and token as they are now. */
  private async look(): Promise<void> {
    const { clock, membership, token, weightOf } = this.options
    const nowMs = clock.monotonicMs()
    const before = this.nodes
    this.nodes = tracked(before, membership.nodes(), nowMs, weightOf)
    for (const event of nodeEvents(before, this.nodes)) this.tell(event)
    if (this.epoch !== undefined && !token.holds(this.epoch)) this.lose(this.epoch)
    if (this.epoch !== undefined) return
    const manager = this.nodes.find(({ instance }) => instance === this.holder)
    const isTrusted = manager !== undefined && manager.state !== "silent"
    if (isTrusted && nowMs - this.holderReadMs < holderReadEveryMs) return
    this.holder = (await token.holder())?.instance
    this.holderReadMs = nowMs
  }

  private lose(epoch: Epoch): void {
    this.epoch = undefined
    this.holderReadMs = Number.NEGATIVE_INFINITY
    this.state = newManager
    this.tell({ _tag: "ManagerLost", epoch })
  }

  private sample(): void {
    if (this.epoch === undefined) return
    const nowMs = this.options.clock.monotonicMs()
    const elapsedMs = nowMs - this.sampledMs
    if (elapsedMs < limits.loadSampleEveryMs) return
    this.averages = averaged(this.averages, this.options.loads(), elapsedMs)
    this.sampledMs = nowMs
  }

  private input(table: ShardTable): ManagerInput {
    const nowMs = this.options.clock.monotonicMs()
    return {
      self: this.options.self,
      view: { nowMs, nodes: this.nodes, loads: this.averages },
      table,
      holdsToken: this.epoch !== undefined,
      holder: this.holder,
      canMove: this.options.move !== undefined,
      underWay: this.runner.underWay,
    }
  }

  /** Said once for each table that cannot be used. */
  private refuse(error: SkeinError): void {
    if (this.refused === error) return
    this.refused = error
    this.tell({ _tag: "TableRefused", error })
  }

  private async claim(because: string): Promise<void> {
    const epoch = await this.options.token.claim()
    this.holderReadMs = Number.NEGATIVE_INFINITY
    if (epoch === undefined) return
    this.epoch = epoch
    this.holder = this.options.membership.self
    this.averages = new Map()
    this.tell({ _tag: "ManagerClaimed", epoch, because })
    // The last manager may have written until now: what was read before the claim is worth nothing.
    this.table.distrust()
    this.wake()
  }

  private async replace(
    next: ShardTable,
    moves: readonly Move[],
    because: string,
  ): Promise<boolean> {
    if (this.epoch === undefined) return false
    const outcome = await this.table.replace(next, this.epoch)
    const { version } = next
    if (outcome === "fenced") this.lose(this.epoch)
    else if (outcome === "conflict") this.tell({ _tag: "TableConflict", version })
    else this.tell({ _tag: "TableReplaced", version, moves, because })
    if (outcome !== "replaced") this.wake()
    return outcome === "replaced"
  }

  private async begin(
    table: ShardTable,
    plan: Plan,
    before: readonly MoveSample[],
    onEnd: (end: EndedMove) => void,
  ): Promise<boolean> {
    const moving = plan.moves.map(({ shard, to }) => ({ shard, to }))
    const next = withMoving(table, [...movingOf(table), ...moving])
    if (!(await this.replace(next, [], `${moving.length} moves begin`))) return false
    plan.moves.forEach((move, at) => {
      this.tell({ _tag: "MovePlanned", move })
      this.runner.run(move, (end) => {
        const turn = this.take(() => this.ended(end, before[at]))
        void turn
          .catch((cause: unknown) => {
            this.wake()
            return `the table could not be written: ${String(cause)}`
          })
          .then((why) => onEnd(why === undefined ? end : { ...end, outcome: "refused", why }))
      })
    })
    return true
  }

  /** Answers why a move that was done does not count; `undefined`: it ended as it says. */
  private async ended(end: EndedMove, before: MoveSample | undefined): Promise<string | undefined> {
    const { move, outcome } = end
    const { shard, to, reason, kind } = move
    this.runner.forget(shard)
    this.tell({ _tag: "MoveEnded", ...end })
    if (this.stopped || !this.manages) return "another manager settles the move"
    const nowMs = this.options.clock.monotonicMs()
    this.state = moveEnded(this.state, move, outcome, before, nowMs)
    // Nodes that are to be empty do not wait for the next round.
    if (kind === "evacuate" && outcome === "done") this.state = { ...this.state, nextRoundMs: 0 }
    const table = await this.table.read()
    this.wake()
    if (!isTable(table)) return "the shard table cannot be used"
    const moving = movingOf(table)
    if (!moving.some((each) => each.shard === shard && each.to === to)) {
      return "the shard was given to another node meanwhile"
    }
    const others = moving.filter((each) => each.shard !== shard)
    if (outcome === "refused") {
      await this.replace(withMoving(table, others), [], `the move of a shard to ${to} was refused`)
      return undefined
    }
    const next = assigned(table, [{ shard, to, reason }], kind === "evacuate")
    const isStored = await this.replace(next, [move], reason)
    return isStored ? undefined : "another node wrote the shard table first and settles the move"
  }

  /** Moves that nobody here carries out: whoever holds the shard's token keeps it. */
  private async settle(table: ShardTable, shards: readonly Shard[]): Promise<void> {
    const assignments: Assignment[] = []
    for (const { shard, to } of movingOf(table)) {
      if (!shards.includes(shard)) continue
      const instance = await this.options.holderOf?.(shard)
      const node = this.nodes.find((each) => each.instance === instance)?.node
      if (node !== to) continue
      assignments.push({ shard, to, reason: `a move to ${to} had been done by the last manager` })
    }
    const moving = movingOf(table).filter(({ shard }) => !shards.includes(shard))
    const { version } = table
    const given = { ...assigned({ ...table, moving }, assignments, false), version }
    const next = withMoving(given, moving)
    await this.replace(next, [], `${shards.length} moves of an earlier manager were settled`)
    this.wake()
  }
}

const emptyOf = (table: ShardTable | SkeinError): ShardTable =>
  isTable(table) ? table : { version: 0, owners: [], draining: [] }

/** A holder that lives is trusted for so long: it may have been fenced by another that lives. */
const holderReadEveryMs = 1_000
