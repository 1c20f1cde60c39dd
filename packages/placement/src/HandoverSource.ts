/**
 * Owns: the source's half of a planned move of one shard (DESIGN.md section 8): until the token is
 * handed over it may resume at any time, afterwards never.
 * Must not know: connections, journals, files: its actions are carried out by a shell, which comes
 * back with what came of them.
 *
 *     warming -> parking -> sealing -> handing -> handed -> over
 *        |          |          |          |
 *        +----------+----------+----------+--> resumed     (the token is surely still here)
 *                                         +--> over        (whose it is cannot be told: close)
 *
 * Tricky: an input that answers an action of a phase that was left (a seal that becomes durable
 * after the pause budget was spent) changes nothing: a Handover record in the middle of a journal
 * means nothing to those who replay it.
 */
import { type Epoch, invariant, limits, type NodeName, type Shard } from "@skein/model"
import { tuning } from "./Tuning.js"

export type SourcePhase =
  | "handed"
  | "handing"
  | "over"
  | "parking"
  | "resumed"
  | "sealing"
  | "warming"

export interface SourceState {
  readonly phase: SourcePhase
  readonly shard: Shard
  readonly to: NodeName
  /** A `Tick` at this time or later ends the phase; infinity: it waits for nothing. */
  readonly dueMs: number
  /** Since when commands are parked. */
  readonly parkedAtMs: number | undefined
  /** The target's epoch, once the token is handed over. */
  readonly epoch: Epoch | undefined
}

export type SourceInput =
  /** The target is warm up to so many bytes. */
  | { readonly _tag: "Behind"; readonly bytes: number }
  /** No command is decided any more, and the commit that was in flight is answered. */
  | { readonly _tag: "Parked" }
  /** The Handover record is durable and the token was seen afterwards. */
  | { readonly _tag: "Sealed" }
  /** The shard's host ended: its commit was refused or fenced. */
  | { readonly _tag: "Closed"; readonly why: string }
  /** The token is the target's. */
  | { readonly _tag: "Handed"; readonly epoch: Epoch }
  /** The token was looked at and is still here. */
  | { readonly _tag: "NotHanded"; readonly why: string }
  /** Whose the token is cannot be told. */
  | { readonly _tag: "HandingUnknown"; readonly why: string }
  | { readonly _tag: "TargetServes"; readonly epoch: Epoch }
  /** The target refused, fell silent, or its connection ended. */
  | { readonly _tag: "TargetLost"; readonly why: string }
  /** The manager or an operator takes the move back. */
  | { readonly _tag: "Cancel"; readonly why: string }
  | { readonly _tag: "Tick" }

export type SourceAction =
  /** Ask the target to open the shard read-only, and to tell how far behind it is. */
  | { readonly _tag: "Invite"; readonly to: NodeName }
  /** Take no more commands: keep them. Answered by `Parked`. */
  | { readonly _tag: "Park" }
  /** Commit the Handover record (leases, sessions, digest). Answered by `Sealed` or `Closed`. */
  | { readonly _tag: "Seal" }
  /** Answered by `Handed`, `NotHanded` or `HandingUnknown`; then tell the target. */
  | { readonly _tag: "HandToken"; readonly to: NodeName }
  /** Decide what was parked, and go on as the owner. */
  | { readonly _tag: "Resume" }
  /** Tell the target to forget about it. */
  | { readonly _tag: "Uninvite"; readonly to: NodeName }
  /** Close the host. What is parked and the long polls are answered `Moved(to, epoch)`. */
  | { readonly _tag: "AnswerMoved"; readonly to: NodeName; readonly epoch: Epoch }
  /** Close the host without any reply that rests on the token: the table says who opens it. */
  | { readonly _tag: "CloseUnknown"; readonly why: string }
  /** What the one who asked for the move is told. Always the last. */
  | { readonly _tag: "Report"; readonly outcome: "done" | "refused"; readonly why: string }

export interface SourceStep {
  readonly state: SourceState
  readonly actions: readonly SourceAction[]
}

export const beginSource = (shard: Shard, to: NodeName, nowMs: number): SourceStep => ({
  state: {
    phase: "warming",
    shard,
    to,
    dueMs: nowMs + tuning.warmWithinMs,
    parkedAtMs: undefined,
    epoch: undefined,
  },
  actions: [{ _tag: "Invite", to }],
})

export const stepSource = (state: SourceState, input: SourceInput, nowMs: number): SourceStep => {
  switch (state.phase) {
    case "warming":
      return warming(state, input, nowMs)
    case "parking":
    case "sealing":
      return parked(state, input, nowMs)
    case "handing":
      return handing(state, input, nowMs)
    case "handed":
      return handed(state, input, nowMs)
    case "resumed":
    case "over":
      return unchanged(state)
  }
}

const unchanged = (state: SourceState): SourceStep => ({ state, actions: [] })

const warming = (state: SourceState, input: SourceInput, nowMs: number): SourceStep => {
  switch (input._tag) {
    case "Behind": {
      if (input.bytes >= limits.moveBehindBytesMax) return unchanged(state)
      const dueMs = nowMs + tuning.pauseWithinMs
      const next: SourceState = { ...state, phase: "parking", parkedAtMs: nowMs, dueMs }
      return { state: next, actions: [{ _tag: "Park" }] }
    }
    case "Tick":
      if (nowMs < state.dueMs) return unchanged(state)
      return resumed(state, `the target was not warm within ${tuning.warmWithinMs} ms`)
    case "Closed":
      return closed(state, input.why)
    case "TargetLost":
    case "Cancel":
      return resumed(state, input.why)
    default:
      return unchanged(state)
  }
}

const parked = (state: SourceState, input: SourceInput, nowMs: number): SourceStep => {
  switch (input._tag) {
    case "Parked":
      if (state.phase !== "parking") return unchanged(state)
      return { state: { ...state, phase: "sealing" }, actions: [{ _tag: "Seal" }] }
    case "Sealed": {
      if (state.phase !== "sealing") return unchanged(state)
      // From here on only the token's fate ends the phase.
      const next: SourceState = { ...state, phase: "handing", dueMs: Number.POSITIVE_INFINITY }
      return { state: next, actions: [{ _tag: "HandToken", to: state.to }] }
    }
    case "Tick":
      if (nowMs < state.dueMs) return unchanged(state)
      return resumed(state, `the pause reached ${tuning.pauseWithinMs} ms before the token moved`)
    case "Closed":
      return closed(state, input.why)
    case "TargetLost":
    case "Cancel":
      return resumed(state, input.why)
    default:
      return unchanged(state)
  }
}

const handing = (state: SourceState, input: SourceInput, nowMs: number): SourceStep => {
  switch (input._tag) {
    case "Handed": {
      const { epoch } = input
      const dueMs = nowMs + limits.parkedMs
      return unchanged({ ...state, phase: "handed", epoch, dueMs })
    }
    case "NotHanded":
      return resumed(state, input.why)
    case "TargetServes":
      return moved({ ...state, epoch: input.epoch })
    case "HandingUnknown":
    case "Closed":
      return closed(state, input.why)
    default:
      return unchanged(state)
  }
}

const handed = (state: SourceState, input: SourceInput, nowMs: number): SourceStep => {
  switch (input._tag) {
    case "TargetServes":
    case "TargetLost":
    case "Closed":
      // Lost or not, the shard is the target's: whoever is next takes it over from there.
      return moved(state)
    case "Tick":
      return nowMs < state.dueMs ? unchanged(state) : moved(state)
    default:
      return unchanged(state)
  }
}

const resumed = (state: SourceState, why: string): SourceStep => {
  invariant(state.epoch === undefined, "a source never resumes once the token is handed over")
  const resume = state.parkedAtMs === undefined ? [] : [{ _tag: "Resume" } as const]
  return {
    state: { ...state, phase: "resumed", dueMs: Number.POSITIVE_INFINITY },
    actions: [
      ...resume,
      { _tag: "Uninvite", to: state.to },
      { _tag: "Report", outcome: "refused", why },
    ],
  }
}

const moved = (state: SourceState): SourceStep => {
  const { epoch, to } = state
  invariant(epoch !== undefined, "the token was handed over under an epoch")
  return {
    state: { ...state, phase: "over", dueMs: Number.POSITIVE_INFINITY },
    actions: [
      { _tag: "AnswerMoved", to, epoch },
      { _tag: "Report", outcome: "done", why: `${to} has the shard under epoch ${epoch}` },
    ],
  }
}

const closed = (state: SourceState, why: string): SourceStep => ({
  state: { ...state, phase: "over", dueMs: Number.POSITIVE_INFINITY },
  actions: [
    { _tag: "CloseUnknown", why },
    { _tag: "Uninvite", to: state.to },
    { _tag: "Report", outcome: "refused", why },
  ],
})
