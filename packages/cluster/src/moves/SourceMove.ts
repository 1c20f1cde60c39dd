/**
 * Owns: the source's shell of one planned move: carries out what the state machine says
 * (HandoverSource of @skein/placement), and repeats what may have been lost on the way.
 * Must not know: how calls travel, what actors are.
 *
 * Tricky:
 * - `serving` may come before the journal has answered that the token went: it went, then.
 * - From the moment the token went the keeper may not claim the shard back: `leaving` comes first.
 * - A cancelled move whose token is on its way ends only when the journal has answered.
 */
import type { Failpoints, SeenNode } from "@skein/journal"
import { type Clock, limits, type SkeinError, shardName, skeinError } from "@skein/model"
import {
  beginSource,
  type SourceAction,
  type SourceInput,
  type SourceState,
  type SourceStep,
  stepSource,
} from "@skein/placement"
import { deferred } from "../Deferred.js"
import type { ShardHost } from "../ShardHost.js"
import type { MoveOutcome, MovePeer, MoveRef } from "./MovePeer.js"

export interface SourceContext {
  readonly clock: Clock
  readonly failpoints: Failpoints
  readonly host: ShardHost
  /** Resolves when nothing of the host is decided and not answered. */
  readonly drain: () => Promise<void>
  /** The target, as it was when the move began. */
  readonly target: SeenNode
  /** It lives, as the same process. */
  readonly targetLives: () => boolean
  readonly peer: MovePeer
  /** The token is given away: nobody here may claim it back while the table says that it moves. */
  readonly leaving: (why: SkeinError) => void
}

export interface EndOfMove {
  readonly outcome: MoveOutcome
  readonly why: string
}

/** Time and lost calls are looked at so often. */
const lookEveryMs = 50

export class SourceMove {
  private state: SourceState
  private disarm: () => void = () => {}
  private readonly end = deferred<EndOfMove>()

  constructor(
    readonly ref: MoveRef,
    private readonly context: SourceContext,
  ) {
    const first = beginSource(ref.shard, ref.to, context.clock.monotonicMs())
    this.state = first.state
    void context.host.closedBecause.then(({ detail }) =>
      this.input({ _tag: "Closed", why: detail }),
    )
    this.look()
    this.carryOut(first)
  }

  get ended(): Promise<EndOfMove> {
    return this.end.promise
  }

  get phase(): SourceState["phase"] {
    return this.state.phase
  }

  input(input: SourceInput): void {
    const before = this.state.phase
    this.carryOut(stepSource(this.state, input, this.context.clock.monotonicMs()))
    if (this.state.phase !== "handed" || before === "handed") return
    this.context.leaving(this.movedTo())
    this.context.failpoints.hit("move.handed")
    this.tellHanded()
    this.context.failpoints.hit("move.told")
  }

  /** Resolves when the move is over, with the shard here or there. */
  async cancel(why: string): Promise<void> {
    this.input({ _tag: "Cancel", why })
    await this.ended
  }

  private look(): void {
    this.disarm = this.context.clock.setTimer(lookEveryMs, () => {
      this.look()
      if (!this.context.targetLives()) this.input({ _tag: "TargetLost", why: "the target is gone" })
      else if (this.state.phase === "warming") this.invite()
      else if (this.state.phase === "handed") this.tellHanded()
      this.input({ _tag: "Tick" })
    })
  }

  private carryOut(step: SourceStep): void {
    this.state = step.state
    for (const action of step.actions) this.act(action)
  }

  private act(action: SourceAction): void {
    const { host, peer } = this.context
    switch (action._tag) {
      case "Invite":
        return this.invite()
      case "Park":
        return this.park()
      case "Seal":
        return this.seal()
      case "HandToken":
        return this.handToken()
      case "Resume":
        return host.resume()
      case "Uninvite":
        return unheard(peer.uninvite(this.ref))
      case "AnswerMoved": {
        const why = this.movedTo()
        this.context.leaving(why)
        host.closed(why)
        return this.context.failpoints.hit("move.answered")
      }
      case "CloseUnknown":
        return host.closed(skeinError("Moved", action.why, { shard: this.ref.shard }))
      case "Report":
        this.disarm()
        return this.end.resolve({ outcome: action.outcome, why: action.why })
    }
  }

  private invite(): void {
    unheard(this.context.peer.invite(this.ref))
  }

  private tellHanded(): void {
    const { epoch } = this.state
    if (epoch !== undefined) unheard(this.context.peer.handed(this.ref, epoch))
  }

  private park(): void {
    const { host, drain, failpoints } = this.context
    host.park()
    void drain().then(() => {
      failpoints.hit("move.parked")
      this.input({ _tag: "Parked" })
    })
  }

  private seal(): void {
    const { host, failpoints } = this.context
    host.handOver().then(
      () => {
        failpoints.hit("move.sealed")
        this.input({ _tag: "Sealed" })
      },
      // Closed hosts have said so.
      (cause) => this.input({ _tag: "Cancel", why: textOf(cause) }),
    )
  }

  private handToken(): void {
    const { host, target } = this.context
    host.opened.handTo(target.instance).then(
      (epoch) => this.input({ _tag: "Handed", epoch }),
      (cause: unknown) => {
        const why = textOf(cause)
        const here = tagOf(cause) === "MoveRefused"
        this.input(here ? { _tag: "NotHanded", why } : { _tag: "HandingUnknown", why })
      },
    )
  }

  private movedTo(): SkeinError {
    const { node, address } = this.context.target
    const { shard } = this.ref
    const data = { node, address, shard, epoch: this.state.epoch ?? 0 }
    return skeinError("Moved", `node ${node} has ${shardName(shard)}`, data)
  }
}

/** Whoever misses it is told again, or finds out. */
export const unheard = (call: Promise<void>): void => void call.catch(() => {})

export const textOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).slice(0, limits.reasonCharactersMax)

export const tagOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "_tag" in cause ? cause._tag : undefined
