/**
 * Owns: a world for both halves of a move: a token, messages that may be late, lost or out of
 * order, answers that may be failures. Checks after each step that not both decide.
 */
import { invariant } from "@skein/model"
import {
  beginSource,
  type SourceAction,
  type SourceInput,
  type SourceState,
  stepSource,
} from "../HandoverSource.js"
import {
  beginTarget,
  stepTarget,
  type TargetAction,
  type TargetInput,
  type TargetState,
} from "../HandoverTarget.js"

type Pending =
  | { readonly at: "source"; readonly input: SourceInput; readonly isMessage: boolean }
  | { readonly at: "target"; readonly input: TargetInput; readonly isMessage: boolean }

const epoch = 5

export class HandoverWorld {
  source: SourceState
  target: TargetState
  token: "source" | "target" = "source"
  readonly reports: string[] = []
  /** The target told the source that it is out. */
  gaveUp = false
  private nowMs = 0
  private sourceDecides = true
  private targetDecides = false
  private pending: Pending[] = []
  /** What the next answers will be; 0 when all goes well. */
  private luck = 0

  constructor() {
    const { state, actions } = beginSource(7, "n2", 0)
    this.source = state
    const begun = beginTarget(7, "n1", 0)
    this.target = begun.state
    this.sourceDoes(actions)
    this.targetDoes(begun.actions)
  }

  /** One thing happens, chosen by a number. */
  happen(choice: number): void {
    this.luck = choice
    if (choice % 11 === 0) this.tick(choice)
    else if (choice % 13 === 0) this.toSource({ _tag: "Cancel", why: "chosen" })
    else if (choice % 17 === 0) this.toTarget({ _tag: "SourceLost", why: "chosen" })
    else if (choice % 19 === 0) this.lose(choice)
    else this.deliver(choice)
    this.luck = 0
  }

  /** From now on nothing goes wrong, and time goes on. */
  finish(): void {
    for (let round = 0; round < 20; round++) {
      while (this.pending.length > 0) this.deliver(0)
      const isOver = (["resumed", "over"] as string[]).includes(this.source.phase)
      if (isOver && (["serving", "over"] as string[]).includes(this.target.phase)) break
      this.tick(100_000)
    }
  }

  private deliver(choice: number): void {
    const [next] = this.pending.splice(choice % Math.max(1, this.pending.length), 1)
    if (next === undefined) return
    if (next.at === "source") this.toSource(next.input)
    else this.toTarget(next.input)
  }

  /** Only messages between the two are lost; what a node tells itself is not. */
  private lose(choice: number): void {
    const messages = this.pending.filter(({ isMessage }) => isMessage)
    const lost = messages[choice % Math.max(1, messages.length)]
    this.pending = this.pending.filter((each) => each !== lost)
  }

  private tick(ms: number): void {
    this.nowMs += ms
    this.toSource({ _tag: "Tick" })
    this.toTarget({ _tag: "Tick" })
  }

  private toSource(input: SourceInput): void {
    const { state, actions } = stepSource(this.source, input, this.nowMs)
    this.source = state
    this.sourceDoes(actions)
  }

  private toTarget(input: TargetInput): void {
    const { state, actions } = stepTarget(this.target, input, this.nowMs)
    this.target = state
    this.targetDoes(actions)
  }

  private answer(input: SourceInput): void {
    this.pending.push({ at: "source", input, isMessage: false })
  }

  private tell(input: TargetInput): void {
    this.pending.push({ at: "target", input, isMessage: true })
  }

  private sourceDoes(actions: readonly SourceAction[]): void {
    for (const action of actions) {
      switch (action._tag) {
        case "Park":
          this.sourceDecides = false
          this.answer({ _tag: "Parked" })
          break
        case "Seal":
          this.answer(this.luck % 5 === 1 ? { _tag: "Closed", why: "refused" } : { _tag: "Sealed" })
          break
        case "HandToken":
          this.hand()
          break
        case "Resume":
          invariant(this.token === "source", "resumes only with the token")
          this.sourceDecides = true
          break
        case "Uninvite":
          this.tell({ _tag: "Uninvited" })
          break
        case "AnswerMoved":
          invariant(this.token === "target", "says Moved only when it moved")
          this.sourceDecides = false
          break
        case "CloseUnknown":
          this.sourceDecides = false
          break
        case "Report":
          this.reports.push(action.outcome)
      }
    }
    invariant(!(this.sourceDecides && this.targetDecides), "not both decide")
  }

  private hand(): void {
    const fate = this.luck % 4
    if (fate === 1) return this.answer({ _tag: "NotHanded", why: "chosen" })
    if (fate === 2) {
      if (this.luck % 8 === 2) this.token = "target"
      return this.answer({ _tag: "HandingUnknown", why: "chosen" })
    }
    this.token = "target"
    this.answer({ _tag: "Handed", epoch })
    this.tell({ _tag: "Token", epoch })
  }

  private targetDoes(actions: readonly TargetAction[]): void {
    for (const action of actions) {
      const self = (input: TargetInput) =>
        this.pending.push({ at: "target", input, isMessage: false })
      const tellSource = (input: SourceInput) =>
        this.pending.push({ at: "source", input, isMessage: true })
      switch (action._tag) {
        case "OpenReadOnly":
          self({ _tag: "Loaded" })
          self({ _tag: "Behind", bytes: 10 })
          break
        case "TellBehind":
          tellSource({ _tag: "Behind", bytes: action.bytes })
          break
        case "LookAtToken":
          self(this.token === "target" ? { _tag: "Token", epoch } : { _tag: "NoToken" })
          break
        case "ReadTail":
          self({ _tag: "TailRead", digestMatches: this.luck % 3 !== 1 })
          break
        case "Reopen":
          invariant(this.token === "target", "opens only with the token")
          self({ _tag: "Reopened" })
          break
        case "Serve":
        case "TellServing":
          invariant(this.token === "target", "serves only with the token")
          this.targetDecides = true
          tellSource({ _tag: "TargetServes", epoch })
          break
        case "TellRefused":
          this.gaveUp = true
          tellSource({ _tag: "TargetLost", why: action.why })
      }
    }
    invariant(!(this.sourceDecides && this.targetDecides), "not both decide")
  }
}
