/**
 * Both halves of a move: the straight way, each way out, and any order of answers, losses and
 * failures between them.
 */
import { limits } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { beginSource, type SourceInput, type SourceStep, stepSource } from "./HandoverSource.js"
import { beginTarget, stepTarget, type TargetInput, type TargetStep } from "./HandoverTarget.js"
import { tuning } from "./Tuning.js"
import { HandoverWorld } from "./testing/HandoverWorld.js"

const source = (...inputs: readonly SourceInput[]): SourceStep => {
  let step = beginSource(7, "n2", 0)
  for (const input of inputs) step = stepSource(step.state, input, 100)
  return step
}
const target = (...inputs: readonly TargetInput[]): TargetStep => {
  let step = beginTarget(7, "n1", 0)
  for (const input of inputs) step = stepTarget(step.state, input, 100)
  return step
}
const tags = ({ actions }: SourceStep | TargetStep) => actions.map(({ _tag }) => _tag)

const warm = { _tag: "Behind", bytes: 10 } as const
const far = { _tag: "Behind", bytes: limits.moveBehindBytesMax } as const
const parked = { _tag: "Parked" } as const
const sealed = { _tag: "Sealed" } as const
const handed = { _tag: "Handed", epoch: 5 } as const

describe("the source", () => {
  it("parks only for a warm target, seals, hands the token over, answers Moved", () => {
    expect(tags(beginSource(7, "n2", 0))).toEqual(["Invite"])
    expect(tags(source(far))).toEqual([])
    expect(tags(source(far, warm))).toEqual(["Park"])
    expect(tags(source(warm, parked))).toEqual(["Seal"])
    expect(tags(source(warm, parked, sealed))).toEqual(["HandToken"])
    expect(tags(source(warm, parked, sealed, handed))).toEqual([])
    const over = source(warm, parked, sealed, handed, { _tag: "TargetServes", epoch: 5 })
    expect(over.actions).toEqual([
      { _tag: "AnswerMoved", to: "n2", epoch: 5 },
      { _tag: "Report", outcome: "done", why: "n2 has the shard under epoch 5" },
    ])
  })

  it("puts the move off without a pause when the target does not get warm", () => {
    const { state } = source(far)
    const late = stepSource(state, { _tag: "Tick" }, tuning.warmWithinMs)
    expect(tags(late)).toEqual(["Uninvite", "Report"])
    expect(late.actions[1]).toMatchObject({ outcome: "refused" })
  })

  it("resumes when the pause is too long, the target is lost, or the move is taken back", () => {
    for (const inputs of [[warm], [warm, parked]]) {
      const { state } = source(...inputs)
      expect(tags(stepSource(state, { _tag: "Tick" }, 1_099))).toEqual([])
      for (const end of [
        stepSource(state, { _tag: "Tick" }, 1_100),
        stepSource(state, { _tag: "TargetLost", why: "gone" }, 200),
        stepSource(state, { _tag: "Cancel", why: "operator" }, 200),
      ]) {
        expect(tags(end)).toEqual(["Resume", "Uninvite", "Report"])
        expect(end.actions[2]).toMatchObject({ outcome: "refused" })
        // A seal that was still on its way changes nothing any more.
        expect(tags(stepSource(end.state, sealed, 300))).toEqual([])
      }
    }
  })

  it("once the token is on its way only the token's fate counts", () => {
    const { state } = source(warm, parked, sealed)
    const late = 1_000_000
    expect(tags(stepSource(state, { _tag: "Tick" }, late))).toEqual([])
    expect(tags(stepSource(state, { _tag: "Cancel", why: "" }, late))).toEqual([])
    expect(tags(stepSource(state, { _tag: "TargetLost", why: "" }, late))).toEqual([])
    const kept = stepSource(state, { _tag: "NotHanded", why: "ENOENT" }, late)
    expect(tags(kept)).toEqual(["Resume", "Uninvite", "Report"])
    const unknown = stepSource(state, { _tag: "HandingUnknown", why: "EIO" }, late)
    expect(tags(unknown)).toEqual(["CloseUnknown", "Uninvite", "Report"])
  })

  it("after the token is handed over it never resumes, and does not wait for ever", () => {
    const { state } = source(warm, parked, sealed, handed)
    expect(tags(stepSource(state, { _tag: "Cancel", why: "" }, 200))).toEqual([])
    for (const end of [
      stepSource(state, { _tag: "TargetLost", why: "gone" }, 200),
      stepSource(state, { _tag: "Tick" }, 100 + limits.parkedMs),
    ]) {
      expect(tags(end)).toEqual(["AnswerMoved", "Report"])
      expect(end.actions[1]).toMatchObject({ outcome: "done" })
    }
  })

  it("a host that ended closes, and the table decides", () => {
    for (const inputs of [[], [warm], [warm, parked], [warm, parked, sealed]]) {
      const { state } = source(...inputs)
      const end = stepSource(state, { _tag: "Closed", why: "fenced" }, 200)
      expect(tags(end)).toEqual(["CloseUnknown", "Uninvite", "Report"])
    }
  })
})

const loaded = { _tag: "Loaded" } as const
const token = { _tag: "Token", epoch: 5 } as const

describe("the target", () => {
  it("loads, follows, parks what comes once it is warm, and serves after the digest", () => {
    expect(tags(beginTarget(7, "n1", 0))).toEqual(["OpenReadOnly"])
    expect(tags(target(warm))).toEqual([])
    expect(tags(target(loaded, far))).toEqual(["TellBehind"])
    expect(tags(target(loaded, warm))).toEqual(["ParkIncoming", "TellBehind"])
    expect(tags(target(loaded, warm, token))).toEqual(["ReadTail"])
    const read = target(loaded, warm, token, { _tag: "TailRead", digestMatches: true })
    expect(tags(read)).toEqual(["Serve", "TellServing"])
  })

  it("throws a state away whose digest is not the source's, and opens the shard again", () => {
    const inputs = [loaded, warm, token] as const
    const other = target(...inputs, { _tag: "TailRead", digestMatches: false })
    expect(tags(other)).toEqual(["Reopen"])
    expect(tags(target(...inputs, { _tag: "ReadFailed", why: "EIO" }))).toEqual(["Reopen"])
    expect(tags(stepTarget(other.state, { _tag: "Reopened" }, 200))).toEqual(["TellServing"])
    expect(tags(target(...inputs, { _tag: "Fenced", why: "n3" }))).toEqual(["Drop", "TellRefused"])
  })

  it("when it is warm it looks for the token before it gives up", () => {
    const { state } = target(loaded, warm)
    const due = 100 + tuning.tokenWithinMs
    expect(tags(stepTarget(state, { _tag: "Tick" }, due - 1))).toEqual([])
    for (const input of [
      { _tag: "Tick" },
      { _tag: "Uninvited" },
      { _tag: "SourceLost", why: "gone" },
    ] as const) {
      const looking = stepTarget(state, input, due)
      expect(tags(looking)).toEqual(["LookAtToken"])
      expect(tags(stepTarget(looking.state, { _tag: "NoToken" }, due))).toEqual([
        "Drop",
        "TellRefused",
      ])
      expect(tags(stepTarget(looking.state, token, due))).toEqual(["ReadTail"])
    }
  })

  it("lets go when the shard was taken over here meanwhile, and waits for nothing more", () => {
    for (const inputs of [[], [loaded], [loaded, warm]]) {
      const over = stepTarget(target(...inputs).state, { _tag: "Reopened" }, 200)
      expect(tags(over)).toEqual(["Drop"])
      expect(over.state.phase).toBe("serving")
      expect(tags(stepTarget(over.state, { _tag: "Uninvited" }, 200))).toEqual([])
    }
  })

  it("before it is warm it gives up at once", () => {
    for (const inputs of [[], [loaded]]) {
      const { state } = target(...inputs)
      expect(tags(stepTarget(state, { _tag: "Uninvited" }, 200))).toEqual(["Drop", "TellRefused"])
      expect(tags(stepTarget(state, { _tag: "Tick" }, tuning.warmWithinMs))).toContain("Drop")
      expect(tags(stepTarget(state, token, 200))).toEqual(["Reopen"])
    }
    const over = target(loaded, { _tag: "ReadFailed", why: "EIO" })
    expect(tags(stepTarget(over.state, token, 200))).toEqual(["Reopen"])
  })
})

describe("both halves", () => {
  const choices = fc.array(fc.nat(1_000), { minLength: 5, maxLength: 80 })

  it("never serve at once, and end with one report, whatever is lost, late or broken", () => {
    fc.assert(
      fc.property(choices, (each) => {
        const world = new HandoverWorld()
        for (const choice of each) world.happen(choice)
        world.finish()
        expect(world.reports).toHaveLength(1)
        // "Done" only if the token is the target's; a source that goes on has it still.
        if (world.reports[0] === "done") expect(world.token).toBe("target")
        if (world.source.phase === "resumed") expect(world.token).toBe("source")
        if (world.token !== "target" || world.target.phase === "serving") return
        // It gave up while the token was on its way, and the word of it was lost: then its node
        // opens the shard because the table says so, or the source claims it back.
        expect(world.target.phase).toBe("over")
        expect(world.gaveUp).toBe(true)
      }),
      { numRuns: 3_000 },
    )
  })

  it("does move where nothing goes wrong", () => {
    const world = new HandoverWorld()
    world.finish()
    expect(world.reports).toEqual(["done"])
    expect(world.target.phase).toBe("serving")
    expect(world.source.phase).toBe("over")
  })
})
