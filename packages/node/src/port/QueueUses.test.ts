import { limits } from "@skein/model"
import { expect, it } from "vitest"
import { QueueUses } from "./QueueUses.js"

it("counts the requests of each queue, for the first queues only", () => {
  const uses = new QueueUses()
  for (let round = 0; round < 2; round++) {
    for (let generation = 1; generation <= 2 * limits.queueUsesPerConnectionMax; generation++) {
      uses.count({ shard: generation % 4, generation })
    }
  }
  const rows = uses.rows()
  expect(rows).toHaveLength(limits.queueUsesPerConnectionMax)
  expect(rows[2]).toEqual({ shard: 3, generation: 3, requests: 2 })
  uses.count({ shard: 3, generation: 3 })
  expect(rows[2].requests).toBe(2)
})
