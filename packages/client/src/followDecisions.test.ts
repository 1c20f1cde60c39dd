import { skeinError } from "@skein/model"
import type { DecisionPage, DecisionsRequest } from "@skein/wire"
import { expect, it } from "vitest"
import { followDecisions } from "./followDecisions.js"

const decision = (number: number) => ({
  ...{ number, event: "MoveEnded", atMs: 0, what: `move ${number}`, reason: "why", shard: 3 },
})

/** Time goes by at once. */
const clock = {
  setTimer: (_: number, run: () => void) => {
    queueMicrotask(run)
    return () => {}
  },
}

const page = (log: string, ...numbers: number[]): DecisionPage => ({
  log,
  decisions: numbers.map(decision),
  last: numbers.at(-1) ?? 0,
})

it("tells each decision once, from manager to manager, also while there is none", async () => {
  const asked: DecisionsRequest[] = []
  const gone = skeinError("ManagerUnavailable", "the fabric has no manager now")
  const answers = [page("a", 1, 2), gone, page("b", 1)]
  const stop = new AbortController()
  const ask = async (request: DecisionsRequest): Promise<DecisionPage> => {
    asked.push(request)
    const answer = answers.shift()
    if (answer === undefined) stop.abort()
    if (answer === undefined || answer instanceof Error) throw answer ?? gone
    return answer
  }
  const seen: string[] = []
  for await (const { what } of followDecisions(ask, clock, { signal: stop.signal })) seen.push(what)
  expect(seen).toEqual(["move 1", "move 2", "move 1"])
  const [a, b] = [
    { log: "a", after: 2 },
    { log: "b", after: 1 },
  ]
  expect(asked).toEqual([{}, a, a, b])
})

it("rejects with any other error", async () => {
  const ask = async () => {
    throw skeinError("Unauthorized", "no")
  }
  await expect(followDecisions(ask, clock).next()).rejects.toMatchObject({ _tag: "Unauthorized" })
})
