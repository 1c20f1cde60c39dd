import type { SkeinClient } from "@skein/client"
import { describe, expect, it } from "vitest"
import { DecisionFeed } from "./DecisionFeed.js"

type Page = Awaited<ReturnType<SkeinClient["decisions"]>>
type Asked = Parameters<SkeinClient["decisions"]>[0]

/** A manager's log; another one takes over when `replace` is called. */
class FakeManager {
  asked: Asked[] = []
  isAway = false
  private log = "first"
  private events: string[] = []

  decide(...events: readonly string[]): void {
    this.events.push(...events)
  }

  replace(): void {
    this.log = "second"
    this.events = []
  }

  /** The part of the client that the feed uses. */
  get admin(): SkeinClient {
    const decisions = async (request: Asked): Promise<Page> => {
      this.asked.push(request)
      if (this.isAway) throw new Error("no manager")
      const after = request?.log === this.log ? (request.after ?? 0) : 0
      const rows = this.events.map((event, index) => ({
        ...{ number: index + 1, event, atMs: 0, what: `${event} ${index + 1}`, reason: "" },
      }))
      return { log: this.log, decisions: rows.slice(after), last: rows.length }
    }
    return { decisions } as unknown as SkeinClient
  }
}

const whats = (feed: DecisionFeed): readonly string[] => feed.seen.map(({ what }) => what)

describe("DecisionFeed", () => {
  it("skips what was before and hears each decision once, however often it is asked", async () => {
    const manager = new FakeManager()
    manager.decide("MoveEnded", "MoveEnded")
    const feed = await DecisionFeed.follow(manager.admin)
    expect(feed.seen).toEqual([])
    manager.decide("MovePlanned", "MoveEnded")
    await Promise.all([feed.poll(), feed.poll(), feed.poll()])
    expect(whats(feed)).toEqual(["MovePlanned 3", "MoveEnded 4"])
    expect(feed.movesAfter(0)).toHaveLength(1)
    expect(feed.movesAfter(Number.POSITIVE_INFINITY)).toHaveLength(0)
  })

  it("goes on with the log of another manager, and over a time without one", async () => {
    const manager = new FakeManager()
    manager.decide("MoveEnded")
    const feed = await DecisionFeed.follow(manager.admin)
    manager.isAway = true
    await feed.poll()
    manager.isAway = false
    manager.replace()
    manager.decide("ManagerClaimed", "MoveEnded")
    await feed.poll()
    expect(whats(feed)).toEqual(["ManagerClaimed 1", "MoveEnded 2"])
    expect(manager.asked.at(-1)).toEqual({ after: 1, log: "first" })
  })
})
