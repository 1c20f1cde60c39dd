import { limits } from "@skein/model"
import type { Move } from "@skein/placement"
import { describe, expect, it } from "vitest"
import { DecisionLog } from "./DecisionLog.js"
import type { ManagerEvent } from "./ManagerEvent.js"

const move: Move = {
  ...{ shard: 17, from: "n1", to: "n2" },
  ...{ reason: "n1 works most" },
  kind: "balance",
}

describe("DecisionLog", () => {
  it("numbers what the manager tells, as sentences with reasons", () => {
    const log = new DecisionLog("n1", "i1", { wallMs: () => 5 })
    log.add({ _tag: "MovePlanned", move })
    log.add({ _tag: "MoveEnded", move, outcome: "refused", tookMs: 12.4, why: "it is busy" })
    log.add({ _tag: "TableReplaced", version: 4, moves: [move], because: "it was done" })
    log.add({ _tag: "ManagerClaimed", epoch: 2, because: "n2 is silent" })
    log.add({ _tag: "NodeSilent", node: "n3", instance: "x" })
    const { decisions, last } = log.page()
    expect(last).toBe(5)
    expect(decisions.map(({ what, reason }) => `${what} | ${reason}`)).toEqual([
      "s017: n1 -> n2 begins | n1 works most",
      "s017: n1 -> n2 refused after 12 ms | it is busy",
      "s017: n1 -> n2 | it was done",
      "n1 is the manager, epoch 2 | n2 is silent",
      "n3 is silent | no sign of life, or its process is gone",
    ])
    const facts = { shard: 17, from: "n1", to: "n2", kind: "balance" }
    expect(decisions[0]).toMatchObject({ number: 1, event: "MovePlanned", atMs: 5, ...facts })
    expect(decisions[1]).toMatchObject({ ...facts, outcome: "refused", tookMs: 12.4 })
    expect(decisions[2]).toMatchObject({ ...facts, version: 4 })
    expect(decisions[4]).toMatchObject({ node: "n3" })
  })

  it("answers those after a number, in pages; numbers of another log count for nothing", () => {
    const log = new DecisionLog("n1", "i1", { wallMs: () => 0 })
    for (let at = 0; at < 5; at++) log.add({ _tag: "NodeDrained", node: `n${at}` })
    const numbers = (request: Parameters<DecisionLog["page"]>[0]) =>
      log.page(request).decisions.map(({ number }) => number)
    expect(numbers({ after: 3, log: "i1" })).toEqual([4, 5])
    expect(numbers({ after: 3, log: "i0" })).toEqual([1, 2, 3, 4, 5])
    expect(numbers({ after: 1, log: "i1", rowsMax: 2 })).toEqual([2, 3])
    expect(log.page({ after: 1, log: "i1", rowsMax: 2 }).last).toBe(3)
    expect(log.page({ after: 5, log: "i1" })).toEqual({ log: "i1", decisions: [], last: 5 })
  })

  it("keeps the newest, in bounded room", () => {
    const log = new DecisionLog("n1", "i1", { wallMs: () => 0 })
    const event: ManagerEvent = { _tag: "Fault", detail: "the disk is away" }
    for (let at = 0; at < 5 * limits.decisionsKept + 7; at++) log.add(event)
    const { decisions, last } = log.page()
    expect(decisions).toHaveLength(limits.decisionsKept)
    expect(last).toBe(5 * limits.decisionsKept + 7)
    expect(log.newest(1)[0]?.number).toBe(last)
  })
})
