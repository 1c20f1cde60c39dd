import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  conformance,
  type Journal,
  type JournalDriver,
  ManualClock,
  type MoveDriver,
  newInstanceId,
  registerDrivers,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { describe, it } from "vitest"
import { createFabric } from "./FabricFile.js"
import { fileDisk } from "./FileDisk.js"
import type { FileJournal } from "./FileJournal.js"
import { fileManagerToken } from "./FileManagerToken.js"
import { fileOwnership } from "./FileOwnership.js"
import { paths } from "./Layout.js"
import { openFileJournal } from "./openFileJournal.js"
import { firstToken, makeDirectoryWith } from "./TokenDirectory.js"

const temporary = () => mkdtemp(join(tmpdir(), "skein-journal-"))

/** A clock of its own for each journal: killed with it, it fires no timer any more. */
const small = { shards: 8, segmentBytes: 64 * 1024, shared: true } as const

const realDriver = async () => {
  const dir = await temporary()
  const journals = new Set<FileJournal>()
  const open = async () => {
    const journal = await openFileJournal({ ...small, dir, clock: new ManualClock() })
    journals.add(journal)
    return journal
  }
  return {
    open,
    rival: open,
    kill: async (journal: Journal) => {
      journals.delete(journal as FileJournal)
    },
    dispose: async () => {
      for (const journal of journals) await journal.close()
      await rm(dir, { recursive: true })
    },
  }
}

const moveDriver = async (): Promise<MoveDriver> => {
  const { open, kill, dispose } = await realDriver()
  return { open, kill, clean: (journal) => (journal as FileJournal).clean(), dispose }
}

const simulatedDriver = async (): Promise<JournalDriver> => {
  const random = new SeededRandom(11)
  const disk = new SimulatedDisk({ random })
  const open = () =>
    openFileJournal({ ...small, dir: "/data", disk, random, clock: new ManualClock() })
  return {
    open,
    rival: open,
    kill: async () => disk.crash(),
    dispose: async () => {},
  }
}

registerDrivers("file", {
  disk: async () => {
    const directory = await temporary()
    return { disk: fileDisk(), directory, dispose: () => rm(directory, { recursive: true }) }
  },
  ownership: async () => {
    const dir = await temporary()
    const disk = fileDisk()
    const random = new SeededRandom(3)
    const fabricId = newInstanceId(random)
    await createFabric(disk, paths(dir), "maker", { fabricId, shards: 4 })
    return {
      contender: async () => fileOwnership(disk, paths(dir), newInstanceId(random)),
      dispose: () => rm(dir, { recursive: true }),
    }
  },
  journal: realDriver,
  moves: moveDriver,
  manager: async () => {
    const dir = await temporary()
    const disk = fileDisk()
    const random = new SeededRandom(5)
    await makeDirectoryWith(disk, paths(dir).manager, "maker", firstToken)
    return {
      contender: async () => {
        const instance = newInstanceId(random)
        return { token: fileManagerToken(disk, paths(dir), instance), instance }
      },
      dispose: () => rm(dir, { recursive: true }),
    }
  },
})
registerDrivers("file on a simulated disk", { journal: simulatedDriver })

describe("the file driver", () => {
  for (const { name, run } of conformance("file")) it(name, run)
})

describe("the file driver on a disk that forgets what was not synced", () => {
  for (const { name, run } of conformance("file on a simulated disk")) it(name, run)
})
