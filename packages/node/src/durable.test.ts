/**
 * No answer leaves before the commit that covers it: each answer must come after a commit that
 * began after its request and had been stored when it was answered. The journal `hasty` answers
 * before it stores: the recorder must see that, or it could see nothing.
 */
import type { CommitResult, Journal, ShardAppend } from "@skein/journal"
import { MemoryStore, MemoryTokens, memoryJournal, memoryOwnership } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { Rig, session } from "./testing/Rig.js"

class Recorder {
  /** Commits that began, and those that were stored. */
  begun = 0
  stored = 0
  answers = 0
  readonly early: string[] = []

  over(inner: Journal, hasty: boolean): Journal {
    const commit = async (batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> => {
      const number = ++this.begun
      const results = await inner.commit(batch)
      const store = (): void => {
        this.stored = number
      }
      if (hasty) slowly(store)
      else store()
      return results
    }
    return { ...inner, commit }
  }

  /** Notes it when the call is answered although no commit since now has been stored. */
  async watch<A>(what: string, call: Promise<A>): Promise<A> {
    const needed = this.begun + 1
    const answer = await call
    this.answers += 1
    if (this.stored < needed) this.early.push(what)
    return answer
  }
}

/** So much later that an answer which does not wait for it is out. */
const slowly = async (run: () => void): Promise<void> => {
  for (let step = 0; step < 100; step++) await Promise.resolve()
  run()
}

const traffic = async (hasty: boolean): Promise<Recorder> => {
  const recorder = new Recorder()
  const store = new MemoryStore()
  const tokens = new MemoryTokens()
  const rig = await Rig.open(2, () => {
    const inner = memoryJournal({ store, ownership: memoryOwnership(tokens, "1".repeat(32)) })
    return recorder.over(inner, hasty)
  })
  const { broker, admin } = rig.core
  await broker.openSession(session, 30_000)
  const queue = await recorder.watch("declare", admin.declare("q"))
  for (let round = 1; round <= 20; round++) {
    const published = recorder.watch("publish", rig.publish(queue, "a", "b", "c"))
    const again = recorder.watch("peek", admin.peek({ name: "q" }))
    const fetched = recorder.watch("fetch", rig.fetch(queue, { waitMs: 10 }).delivered)
    await Promise.all([published, again])
    const runs = await fetched
    const settles = runs.map(({ epoch, attempt, first, last }) => ({
      outcome: round % 3 === 0 ? ("return" as const) : ("ack" as const),
      epoch,
      attempt,
      ranges: [first, last],
    }))
    await Promise.all([
      recorder.watch("settle", broker.settle({ queue, session, settles })),
      recorder.watch("repeat", broker.settle({ queue, session, settles })),
      recorder.watch("lookup", admin.lookup("q")),
      recorder.watch("list", admin.list()),
      recorder.watch("empty fetch", rig.fetch(queue, { messagesMax: 1 }).delivered),
      recorder.watch("show", admin.show("q")),
    ])
  }
  await recorder.watch("purge", admin.purge("q"))
  await recorder.watch("delete", admin.delete("q"))
  return recorder
}

describe("answers and commits", () => {
  it("gives no answer before the commit that covers it", async () => {
    const recorder = await traffic(false)
    expect(recorder.early).toEqual([])
    expect(recorder.answers).toBeGreaterThan(180)
  })

  it("would notice an answer that came before", async () => {
    const recorder = await traffic(true)
    expect(new Set(recorder.early)).toContain("publish")
    expect(new Set(recorder.early)).toContain("settle")
  })
})
