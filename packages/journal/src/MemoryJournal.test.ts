import { describe, expect, it } from "vitest"
import {
  commitModel,
  conformance,
  type JournalDriver,
  ModelTenant,
  modelRecord,
  registerDrivers,
} from "./conformance/index.js"
import { newInstanceId } from "./InstanceId.js"
import { MemoryStore, memoryJournal, SharedMemory } from "./MemoryJournal.js"
import { MemoryNodes, memoryMembership } from "./MemoryMembership.js"
import { MemoryTokens, memoryOwnership } from "./MemoryOwnership.js"
import { MemoryTables, memoryManagerToken, memoryTableStore } from "./MemoryTable.js"
import { SeededRandom } from "./SeededRandom.js"

const memoryDriver = async (): Promise<JournalDriver> => {
  const tokens = new MemoryTokens()
  const store = new MemoryStore()
  const random = new SeededRandom(7)
  const open = async () =>
    memoryJournal({ store, ownership: memoryOwnership(tokens, newInstanceId(random)) })
  return { open, rival: open, kill: async () => {}, dispose: async () => {} }
}

registerDrivers("memory", {
  journal: memoryDriver,
  moves: async () => {
    const shared = new SharedMemory()
    const random = new SeededRandom(9)
    return {
      open: async () => memoryJournal({ shared, random }),
      kill: async () => {},
      clean: async () => {},
      dispose: async () => {},
    }
  },
  ownership: async () => {
    const tokens = new MemoryTokens()
    const random = new SeededRandom(7)
    return {
      contender: async () => memoryOwnership(tokens, newInstanceId(random)),
      dispose: async () => {},
    }
  },
  membership: async () => {
    const nodes = new MemoryNodes()
    return {
      join: async (node) => {
        const instance = `instance-${node}`
        const note = { instance, node, host: "h", pid: 1, address: "", sinceMs: 0 } as const
        return {
          membership: memoryMembership(nodes, { ...note, state: "starting" }),
          pause: async () => nodes.silence(instance),
          resume: async () => nodes.awake(instance),
          kill: async () => nodes.silence(instance, true),
          leave: async () => nodes.forget(instance),
        }
      },
      pass: async () => {},
      dispose: async () => {},
    }
  },
  tables: async () => {
    const tables = new MemoryTables()
    const store = async () => memoryTableStore(tables)
    return { store, pass: async () => {}, dispose: async () => {} }
  },
  manager: async () => {
    const tables = new MemoryTables()
    const random = new SeededRandom(7)
    return {
      contender: async () => {
        const instance = newInstanceId(random)
        return { token: memoryManagerToken(tables, instance), instance }
      },
      dispose: async () => {},
    }
  },
})

describe("the memory driver", () => {
  for (const { name, run } of conformance("memory")) it(name, run)

  it("is not confused with one that does not exist", () => {
    expect(() => conformance("memroy")).toThrow(/no driver is registered as "memroy".*memory/)
  })

  it("gives back the memory of released frames, and stays bounded over many records", async () => {
    const store = new MemoryStore()
    const journal = memoryJournal({ store })
    const tenant = await ModelTenant.open(await journal.openShard(0))
    const text = "t".repeat(10)
    let most = 0
    for (let round = 1; round <= 2000; round++) {
      const record = modelRecord(text, [[1, round, new Uint8Array(50_000)]], [[1, round - 1]])
      await commitModel(journal, tenant, record)
      tenant.history = ""
      most = Math.max(most, store.bytes)
    }
    expect(tenant.frames.size).toBe(1)
    expect(most).toBeLessThan(8 * 1024 * 1024)
  })
})
