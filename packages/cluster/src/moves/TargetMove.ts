/**
 * Owns: the target's shell of one planned move: carries out what the state machine says
 * (HandoverTarget of @skein/placement): follows the shard until the token comes, then serves it.
 * Must not know: how calls travel, what actors are, how an open shard is supervised.
 *
 * Life: `OpenReadOnly` -> the loop reads along -> the token -> `adopt` has the shard opened here,
 * and that opening asks `take` for the warm host. It gets none when anything is wrong with it: the
 * shard is then opened as after a takeover. `served` says that it serves, either way.
 * Tricky: the loop and `take` both read the journal: `take` waits until the loop has left it.
 */
import type { Failpoints, FollowedShard } from "@skein/journal"
import { type Clock, type Epoch, skeinError } from "@skein/model"
import {
  beginTarget,
  stepTarget,
  type TargetAction,
  type TargetInput,
  type TargetState,
  type TargetStep,
} from "@skein/placement"
import type { ShardHost } from "../ShardHost.js"
import type { MovePeer, MoveRef } from "./MovePeer.js"
import { tagOf, textOf, unheard } from "./SourceMove.js"

/** A host that replays what it follows. */
export interface WarmHost {
  readonly host: ShardHost
  readonly catchUp: () => Promise<void>
  /** Opens for writing under the epoch; `false`: what is here is not what was handed over. */
  readonly takeOver: (epoch: Epoch) => Promise<boolean>
}

export interface TargetContext {
  readonly clock: Clock
  readonly failpoints: Failpoints
  readonly peer: MovePeer
  readonly sourceLives: () => boolean
  readonly follow: () => Promise<FollowedShard>
  readonly warm: (followed: FollowedShard) => Promise<WarmHost>
  /** The epoch under which the token is held by this process, if it is. */
  readonly tokenHere: () => Promise<Epoch | undefined>
  /** Has the shard opened here; the opening calls `take` and `served`. */
  readonly adopt: () => void
  /** Whether requests for the shard wait here. */
  readonly parks: (parks: boolean) => void
}

/** A warm target reads on so often: what is left to read is a part of the pause. */
const readEveryMs = 10
const tellEveryMs = 100

export class TargetMove {
  private state: TargetState
  private followed: FollowedShard | undefined
  private warm: WarmHost | undefined
  /** One round of the loop. */
  private reading: Promise<void> = Promise.resolve()
  private disarm: () => void = () => {}
  private toldMs = Number.NEGATIVE_INFINITY
  /** The opening of the shard here has asked for the warm host. */
  private isOpening = false

  constructor(
    readonly ref: MoveRef,
    private readonly context: TargetContext,
  ) {
    const first = beginTarget(ref.shard, ref.from, context.clock.monotonicMs())
    this.state = first.state
    this.carryOut(first)
  }

  get phase(): TargetState["phase"] {
    return this.state.phase
  }

  /** Nothing is under way and nothing is kept. */
  get isOver(): boolean {
    return this.state.phase === "over" || this.state.phase === "serving"
  }

  input(input: TargetInput): void {
    this.carryOut(stepTarget(this.state, input, this.context.clock.monotonicMs()))
  }

  /** Invited again: the answer may have been lost. */
  tellAgain(): void {
    this.toldMs = Number.NEGATIVE_INFINITY
  }

  /**
   * The warm host, open for writing, when the token came to a shard that is warm; `undefined`: it
   * is to be opened from the disk. Rejects with Moved when the token is somebody else's.
   */
  async take(): Promise<ShardHost | undefined> {
    const { epoch } = this.state
    if (this.state.phase !== "taking" || epoch === undefined) return undefined
    this.isOpening = true
    this.disarm()
    await this.reading
    const { warm } = this
    const { failpoints } = this.context
    failpoints.hit("move.came")
    try {
      if (warm !== undefined && (await warm.takeOver(epoch))) {
        failpoints.hit("move.opened")
        return warm.host
      }
      this.input({ _tag: "TailRead", digestMatches: false })
      return undefined
    } catch (cause) {
      const why = textOf(cause)
      if (tagOf(cause) === "Moved") {
        this.input({ _tag: "Fenced", why })
        throw cause
      }
      this.input({ _tag: "ReadFailed", why })
      return undefined
    }
  }

  /** The shard serves here. */
  served(): void {
    if (this.state.phase === "taking") this.input({ _tag: "TailRead", digestMatches: true })
    else this.input({ _tag: "Reopened" })
    this.disarm()
  }

  private carryOut(step: TargetStep): void {
    this.state = step.state
    for (const action of step.actions) this.act(action)
  }

  private act(action: TargetAction): void {
    const { context } = this
    const { peer } = context
    switch (action._tag) {
      case "OpenReadOnly":
        this.reading = this.load()
        return
      case "TellBehind":
        return this.tell(action.bytes)
      case "ParkIncoming":
        return context.parks(true)
      case "LookAtToken":
        return this.lookAtToken()
      case "ReadTail":
        return context.adopt()
      case "Serve":
        return context.parks(false)
      case "Reopen":
        this.letGo(action.why)
        // One that was being taken is being opened already.
        if (!this.isOpening) context.adopt()
        return
      case "TellServing":
        return unheard(peer.serving(this.ref, action.epoch))
      case "Drop":
        return this.letGo("the move was given up")
      case "TellRefused":
        return unheard(peer.refused(this.ref, action.why))
    }
  }

  private async load(): Promise<void> {
    try {
      this.followed = await this.context.follow()
      if (this.isOver) return this.letGo("the move was given up")
      this.warm = await this.context.warm(this.followed)
      this.input({ _tag: "Loaded" })
      this.context.failpoints.hit("move.followed")
      await this.read()
    } catch (cause) {
      this.input({ _tag: "ReadFailed", why: textOf(cause) })
    }
    this.again()
  }

  private async read(): Promise<void> {
    if (this.followed === undefined || this.warm === undefined) return
    await this.warm.catchUp()
    const bytes = await this.followed.behindBytes()
    this.input({ _tag: "Behind", bytes })
  }

  private again(): void {
    const { phase } = this.state
    if (phase !== "following" && phase !== "ready" && phase !== "looking") return
    this.disarm = this.context.clock.setTimer(readEveryMs, () => {
      this.reading = this.round()
    })
  }

  private async round(): Promise<void> {
    if (!this.context.sourceLives()) {
      this.input({ _tag: "SourceLost", why: "the source is gone" })
    }
    this.input({ _tag: "Tick" })
    try {
      const { phase } = this.state
      if (phase === "following" || phase === "ready") await this.read()
    } catch (cause) {
      this.input({ _tag: "ReadFailed", why: textOf(cause) })
    }
    this.again()
  }

  private tell(bytes: number): void {
    const nowMs = this.context.clock.monotonicMs()
    if (nowMs - this.toldMs < tellEveryMs) return
    this.toldMs = nowMs
    unheard(this.context.peer.behind(this.ref, bytes))
  }

  private lookAtToken(): void {
    this.context.tokenHere().then(
      (epoch) => this.input(epoch === undefined ? { _tag: "NoToken" } : { _tag: "Token", epoch }),
      () => this.input({ _tag: "NoToken" }),
    )
  }

  private letGo(why: string): void {
    const { followed, warm } = this
    this.disarm()
    this.context.parks(false)
    this.followed = undefined
    this.warm = undefined
    warm?.host.closed(skeinError("ShardUnavailable", why, { shard: this.ref.shard }))
    if (followed !== undefined) void this.reading.then(() => followed.close()).catch(() => {})
  }
}
