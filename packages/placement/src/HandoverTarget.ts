/**
 * Owns: the target's half of a planned move of one shard (DESIGN.md section 8): warm first, without
 * a pause; serve only with the token, and only a state whose digest is that of the source.
 * Must not know: connections, journals, files: its actions are carried out by a shell, which comes
 * back with what came of them.
 *
 *     loading -> following -> ready (-> looking) -> taking -> serving
 *        |           |                    |           |
 *        +-----------+--------------------+--> over   +--> reopening   (from the disk again)
 *
 * Tricky: the token may be here although the source's word of it was lost. So a target that is
 * ready never gives up before it has looked at the token itself.
 */
import { type Epoch, limits, type NodeName, type Shard } from "@skein/model"
import { tuning } from "./Tuning.js"

export type TargetPhase =
  | "following"
  | "loading"
  | "looking"
  | "over"
  | "ready"
  | "reopening"
  | "serving"
  | "taking"

export interface TargetState {
  readonly phase: TargetPhase
  readonly shard: Shard
  readonly from: NodeName
  /** A `Tick` at this time or later ends the phase; infinity: it waits for nothing. */
  readonly dueMs: number
  /** Under which the shard is open here, once the token is. */
  readonly epoch: Epoch | undefined
}

export type TargetInput =
  /** Checkpoint and segments are read. */
  | { readonly _tag: "Loaded" }
  /** How far the source's log is ahead of what was read. */
  | { readonly _tag: "Behind"; readonly bytes: number }
  | { readonly _tag: "ReadFailed"; readonly why: string }
  /** The token is here, as the source says or as it was seen. */
  | { readonly _tag: "Token"; readonly epoch: Epoch }
  /** The token was looked at and is not here. */
  | { readonly _tag: "NoToken" }
  /** All was read up to the Handover record; whether the digest is the one in it. */
  | { readonly _tag: "TailRead"; readonly digestMatches: boolean }
  /** The shard serves here: after it was opened again, or because it was taken over meanwhile. */
  | { readonly _tag: "Reopened" }
  /** The token went to somebody else meanwhile. */
  | { readonly _tag: "Fenced"; readonly why: string }
  | { readonly _tag: "SourceLost"; readonly why: string }
  | { readonly _tag: "Uninvited" }
  | { readonly _tag: "Tick" }

export type TargetAction =
  | { readonly _tag: "OpenReadOnly" }
  /** To the source: so far behind. */
  | { readonly _tag: "TellBehind"; readonly bytes: number }
  /** Keep requests for the shard, at most `limits.parkedRequestsMax`, for `limits.parkedMs`. */
  | { readonly _tag: "ParkIncoming" }
  /** Answered by `Token` or `NoToken`. */
  | { readonly _tag: "LookAtToken" }
  /** Read the log up to the Handover record. Answered by `TailRead` or `ReadFailed`. */
  | { readonly _tag: "ReadTail"; readonly epoch: Epoch }
  /** Open for writing with the warm state, decide what is parked, tell the source. */
  | { readonly _tag: "Serve"; readonly epoch: Epoch }
  /** Throw the warm state away and open the shard as after a takeover, then `Reopened`. */
  | { readonly _tag: "Reopen"; readonly epoch: Epoch; readonly why: string }
  | { readonly _tag: "TellServing"; readonly epoch: Epoch }
  /** Throw the warm state away; what is parked is answered `Moved`. */
  | { readonly _tag: "Drop" }
  /** To the source: this target is out. */
  | { readonly _tag: "TellRefused"; readonly why: string }

export interface TargetStep {
  readonly state: TargetState
  readonly actions: readonly TargetAction[]
}

export const beginTarget = (shard: Shard, from: NodeName, nowMs: number): TargetStep => ({
  state: {
    phase: "loading",
    shard,
    from,
    dueMs: nowMs + tuning.warmWithinMs,
    epoch: undefined,
  },
  actions: [{ _tag: "OpenReadOnly" }],
})

export const stepTarget = (state: TargetState, input: TargetInput, nowMs: number): TargetStep => {
  switch (state.phase) {
    case "loading":
    case "following":
      return warming(state, input, nowMs)
    case "ready":
    case "looking":
      return ready(state, input, nowMs)
    case "taking":
      return taking(state, input)
    case "reopening":
      return reopening(state, input)
    case "over":
      // The source handed it over while this target gave up: it is ours all the same.
      return input._tag === "Token"
        ? reopen(state, input.epoch, "the token came after the move was given up")
        : unchanged(state)
    case "serving":
      return unchanged(state)
  }
}

const unchanged = (state: TargetState): TargetStep => ({ state, actions: [] })

const warming = (state: TargetState, input: TargetInput, nowMs: number): TargetStep => {
  switch (input._tag) {
    case "Loaded":
      return unchanged({ ...state, phase: "following" })
    case "Behind": {
      if (state.phase === "loading") return unchanged(state)
      const tell = { _tag: "TellBehind", bytes: input.bytes } as const
      if (input.bytes >= limits.moveBehindBytesMax) return { state, actions: [tell] }
      const dueMs = nowMs + tuning.tokenWithinMs
      return {
        state: { ...state, phase: "ready", dueMs },
        actions: [{ _tag: "ParkIncoming" }, tell],
      }
    }
    case "Token":
      // Nobody hands it to a target that is not ready: it is ours all the same.
      return reopen(state, input.epoch, "the token came before the shard was warm")
    case "Reopened":
      return takenOver(state)
    case "ReadFailed":
    case "SourceLost":
      return dropped(state, input.why)
    case "Uninvited":
      return dropped(state, "the source took the move back")
    case "Tick":
      if (nowMs < state.dueMs) return unchanged(state)
      return dropped(state, `not warm within ${tuning.warmWithinMs} ms`)
    default:
      return unchanged(state)
  }
}

const ready = (state: TargetState, input: TargetInput, nowMs: number): TargetStep => {
  switch (input._tag) {
    case "Behind":
      return { state, actions: [{ _tag: "TellBehind", bytes: input.bytes }] }
    case "Token": {
      const { epoch } = input
      const dueMs = Number.POSITIVE_INFINITY
      const next: TargetState = { ...state, phase: "taking", epoch, dueMs }
      return { state: next, actions: [{ _tag: "ReadTail", epoch }] }
    }
    case "Reopened":
      return takenOver(state)
    case "NoToken":
      if (state.phase !== "looking") return unchanged(state)
      return dropped(state, "the token did not come")
    case "Uninvited":
    case "SourceLost":
    case "ReadFailed":
      return looked(state)
    case "Tick":
      return nowMs < state.dueMs ? unchanged(state) : looked(state)
    default:
      return unchanged(state)
  }
}

const looked = (state: TargetState): TargetStep => {
  if (state.phase === "looking") return unchanged(state)
  const next: TargetState = { ...state, phase: "looking", dueMs: Number.POSITIVE_INFINITY }
  return { state: next, actions: [{ _tag: "LookAtToken" }] }
}

const taking = (state: TargetState, input: TargetInput): TargetStep => {
  const epoch = state.epoch ?? 0
  switch (input._tag) {
    case "TailRead": {
      if (!input.digestMatches) return reopen(state, epoch, "the digest is not the source's")
      const actions = [{ _tag: "Serve", epoch } as const, { _tag: "TellServing", epoch } as const]
      return { state: { ...state, phase: "serving" }, actions }
    }
    case "ReadFailed":
      return reopen(state, epoch, input.why)
    case "Fenced":
      return dropped(state, input.why)
    default:
      return unchanged(state)
  }
}

const reopening = (state: TargetState, input: TargetInput): TargetStep => {
  const epoch = state.epoch ?? 0
  switch (input._tag) {
    case "Reopened":
      return { state: { ...state, phase: "serving" }, actions: [{ _tag: "TellServing", epoch }] }
    case "Fenced":
    case "ReadFailed":
      return dropped(state, input.why)
    default:
      return unchanged(state)
  }
}

const reopen = (state: TargetState, epoch: Epoch, why: string): TargetStep => ({
  state: { ...state, phase: "reopening", epoch, dueMs: Number.POSITIVE_INFINITY },
  actions: [{ _tag: "Reopen", epoch, why }],
})

/** Not by this move: what was made for it is not needed any more. */
const takenOver = (state: TargetState): TargetStep => ({
  state: { ...state, phase: "serving", dueMs: Number.POSITIVE_INFINITY },
  actions: [{ _tag: "Drop" }],
})

const dropped = (state: TargetState, why: string): TargetStep => ({
  state: { ...state, phase: "over", dueMs: Number.POSITIVE_INFINITY },
  actions: [{ _tag: "Drop" }, { _tag: "TellRefused", why }],
})
