/**
 * Owns: the planned moves that this node takes part in, one a shard: as the source of shards that
 * are open here, as the target of shards that other nodes own; and where shards went whose move the
 * table does not tell yet. It is what other nodes reach as a MovePeer.
 * Must not know: how calls travel, what actors are.
 *
 * Shutdown: `stop`: moves of shards that are still here are taken back, warm state is thrown away.
 */
import type { Failpoints, FollowedShard, SeenNode } from "@skein/journal"
import type { Clock, Epoch, InstanceId, NodeName, Shard, SkeinError } from "@skein/model"
import { type Move, movingOf } from "@skein/placement"
import type { FabricMap } from "../FabricMap.js"
import type { ShardHost } from "../ShardHost.js"
import type { MoveOutcome, MovePeer, MoveRef } from "./MovePeer.js"
import { type EndOfMove, SourceMove, unheard } from "./SourceMove.js"
import { TargetMove, type WarmHost } from "./TargetMove.js"

export interface MovesOptions {
  readonly clock: Clock
  readonly fabric: FabricMap
  readonly instance: InstanceId
  /** Another node's side. */
  readonly peerOf: (node: NodeName) => MovePeer
  readonly tokenOf: (
    shard: Shard,
  ) => Promise<{ readonly epoch: Epoch; readonly instance: InstanceId } | undefined>
  /** The shard, if it serves here. */
  readonly hostOf: (shard: Shard) => ShardHost | undefined
  readonly drain: (host: ShardHost) => Promise<void>
  readonly follow: (shard: Shard) => Promise<FollowedShard>
  readonly warm: (followed: FollowedShard) => Promise<WarmHost>
  /** Has the shard opened here: its token is. */
  readonly adopt: (shard: Shard) => void
  /** The shard's token is given away, or about to be: it is not to be claimed back. */
  readonly leave: (shard: Shard) => void
  /** Which shards' requests wait here, or where shards are, has changed. */
  readonly onChange: () => void
  /** Told of the steps of moves. */
  readonly failpoints: Failpoints
  /** How a move ended, for the log. */
  readonly onEnd: (move: MoveRef, end: EndOfMove) => void
}

export class Moves implements MovePeer {
  private readonly sources = new Map<Shard, SourceMove>()
  private readonly targets = new Map<Shard, TargetMove>()
  private readonly parking = new Set<Shard>()
  /** Where shards went that the table still says are here. */
  private readonly gone = new Map<Shard, { readonly to: NodeName; readonly why: SkeinError }>()
  private attempts = 0
  private stopped = false
  private readonly forgetFabric: () => void

  constructor(private readonly options: MovesOptions) {
    this.forgetFabric = options.fabric.onChange(() => this.review())
  }

  /** Requests for the shard wait for it here. */
  awaits(shard: Shard): boolean {
    return this.parking.has(shard)
  }

  /** Moved, naming the node that got the shard from here; the table does not say so yet. */
  movedTo(shard: Shard): SkeinError | undefined {
    return this.gone.get(shard)?.why
  }

  /** The warm host for an opening of the shard, open for writing; see TargetMove. */
  take(shard: Shard): Promise<ShardHost | undefined> {
    return this.targets.get(shard)?.take() ?? Promise.resolve(undefined)
  }

  /** The shard was opened here, warm or not. */
  served(shard: Shard): void {
    this.gone.delete(shard)
    this.targets.get(shard)?.served()
  }

  /** Resolves when no move of the shard is under way from here. */
  async takeBack(shard: Shard, why: string): Promise<void> {
    await this.sources.get(shard)?.cancel(why)
  }

  async stop(): Promise<void> {
    this.stopped = true
    this.forgetFabric()
    for (const target of this.targets.values()) target.input({ _tag: "Uninvited" })
    const moves = [...this.sources.values()]
    await Promise.all(moves.map((move) => move.cancel("the node is stopping")))
  }

  startMove = async ({ shard, to }: Move): Promise<MoveOutcome> => {
    const running = this.sources.get(shard)
    if (running !== undefined) {
      return running.ref.to === to ? (await running.ended).outcome : "refused"
    }
    if (this.gone.get(shard)?.to === to) return "done"
    const host = this.options.hostOf(shard)
    const target = this.nodeOf(to)
    const from = this.options.fabric.self
    if (this.stopped || host === undefined || target === undefined || to === from) return "refused"
    this.attempts += 1
    const ref = { shard, from, to, attempt: `${this.options.instance}:${this.attempts}` }
    const move = this.sourceMove(ref, host, target)
    this.sources.set(shard, move)
    const end = await move.ended
    this.sources.delete(shard)
    this.options.onEnd(ref, end)
    return end.outcome
  }

  invite = async (ref: MoveRef): Promise<void> => {
    const { shard } = ref
    const known = this.targets.get(shard)
    if (known?.ref.attempt === ref.attempt) return known.tellAgain()
    const { phase } = known ?? {}
    const isBusy = phase === "taking" || phase === "reopening" || phase === "looking"
    if (this.stopped || isBusy || this.options.hostOf(shard) !== undefined) {
      return unheard(this.options.peerOf(ref.from).refused(ref, "the shard is open at the target"))
    }
    // An older attempt that was never called off.
    known?.input({ _tag: "Uninvited" })
    if (known !== undefined && !known.isOver) return
    this.targets.set(shard, this.targetMove(ref))
  }

  behind = async (ref: MoveRef, bytes: number): Promise<void> =>
    this.source(ref)?.input({ _tag: "Behind", bytes })

  serving = async (ref: MoveRef, epoch: Epoch): Promise<void> =>
    this.source(ref)?.input({ _tag: "TargetServes", epoch })

  refused = async (ref: MoveRef, why: string): Promise<void> =>
    this.source(ref)?.input({ _tag: "TargetLost", why })

  handed = async (ref: MoveRef, epoch: Epoch): Promise<void> => {
    const target = this.target(ref)
    // It serves, and its word of that was lost.
    if (target?.phase === "serving") unheard(this.options.peerOf(ref.from).serving(ref, epoch))
    else target?.input({ _tag: "Token", epoch })
  }

  uninvite = async (ref: MoveRef): Promise<void> => this.target(ref)?.input({ _tag: "Uninvited" })

  private source(ref: MoveRef): SourceMove | undefined {
    const move = this.sources.get(ref.shard)
    return move?.ref.attempt === ref.attempt ? move : undefined
  }

  private target(ref: MoveRef): TargetMove | undefined {
    const move = this.targets.get(ref.shard)
    return move?.ref.attempt === ref.attempt ? move : undefined
  }

  private sourceMove(ref: MoveRef, host: ShardHost, target: SeenNode): SourceMove {
    const { clock, drain, failpoints, peerOf } = this.options
    return new SourceMove(ref, {
      clock,
      failpoints,
      host,
      target,
      drain: () => drain(host),
      targetLives: () => this.nodeOf(ref.to)?.instance === target.instance,
      peer: peerOf(ref.to),
      leaving: (why) => {
        this.gone.set(ref.shard, { to: ref.to, why })
        this.options.leave(ref.shard)
      },
    })
  }

  private targetMove(ref: MoveRef): TargetMove {
    const { clock, failpoints, peerOf } = this.options
    const { shard } = ref
    return new TargetMove(ref, {
      clock,
      failpoints,
      peer: peerOf(ref.from),
      sourceLives: () => this.nodeOf(ref.from) !== undefined,
      follow: () => this.options.follow(shard),
      warm: (followed) => this.options.warm(followed),
      tokenHere: async () => {
        const token = await this.options.tokenOf(shard)
        return token?.instance === this.options.instance ? token.epoch : undefined
      },
      adopt: () => this.options.adopt(shard),
      parks: (parks) => {
        if (parks) this.parking.add(shard)
        else this.parking.delete(shard)
        this.options.onChange()
      },
    })
  }

  private nodeOf(name: NodeName): SeenNode | undefined {
    return this.options.fabric.nodes().find(({ node, silent }) => node === name && !silent)
  }

  /** What the table tells now need not be remembered. */
  private review(): void {
    const table = this.options.fabric.table()
    const { self } = this.options.fabric
    const moving = new Set(movingOf(table).map(({ shard }) => shard))
    for (const shard of this.gone.keys()) {
      if (this.sources.has(shard)) continue
      if (table.owners[shard] !== self || !moving.has(shard)) this.gone.delete(shard)
    }
  }
}
