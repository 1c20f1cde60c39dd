/**
 * An owner, or a taker, that stands still in the middle of what it does while the other one acts:
 * with the order of DESIGN.md section 7, and with three wrong orders, each of which must be found.
 */
import { type Disk, ModelTenant, modelRecord, SeededRandom, SimulatedDisk } from "@skein/journal"
import { describe, expect, it } from "vitest"
import type { FileJournal } from "./FileJournal.js"
import { openSimulated } from "./testkit/openSimulated.js"
import { type FalseLooks, type Standing, StandingDisk } from "./testkit/StandingDisk.js"

type Build = (disk: Disk) => FalseLooks

const isToken = (path: string): boolean => /\/shards\/s\d+\/owner\.[^/]+$/.test(path)

/** No look at the token between sync and confirm. */
const unchecked: Build = (disk) => ({
  existsSync: (path) => isToken(path) || disk.existsSync(path),
})

/** That look comes before the write. */
const earlyCheck: Build = (disk) => {
  const known = new Set<string>()
  const early = new Map<string, boolean>()
  return {
    onWrite: () => {
      for (const path of known) early.set(path, disk.existsSync(path))
    },
    existsSync: (path) => {
      if (isToken(path)) known.add(path)
      return early.get(path) ?? disk.existsSync(path)
    },
  }
}

/** What the former owner left is read and sealed before its token is taken. */
const readBeforeToken: Build = (disk) => {
  const pretended = new Map<string, string>()
  return {
    rename: async (from, to) => {
      if (isToken(from) && isToken(to)) pretended.set(to, from)
      else await disk.rename(from, to)
    },
    existsSync: (path) => {
      const from = pretended.get(path)
      pretended.delete(path)
      if (from !== undefined) disk.rename(from, path).catch(() => {})
      return disk.existsSync(path)
    },
  }
}

const open = (disk: StandingDisk, seed: number): Promise<FileJournal> =>
  openSimulated(disk.disk, seed, { shared: true, processRuns: () => true })

interface Builds {
  readonly owner?: Build
  readonly taker?: Build
}

const setup = async ({ owner, taker }: Builds) => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const ownDisk = new StandingDisk(disk.process(), owner)
  const itsDisk = new StandingDisk(disk.process(), taker)
  const [a, b] = [await open(ownDisk, 1), await open(itsDisk, 2)]
  const tenant = await ModelTenant.open(await a.openShard(0))
  const confirmed: string[] = []
  const store = async (text: string): Promise<void> => {
    const record = modelRecord(text)
    tenant.evolve(record)
    const { shard, epoch } = tenant.opened
    const [result] = await a.commit([{ shard, epoch, records: [record] }])
    if (result._tag === "Committed") confirmed.push(text)
  }
  await store("first")
  return { b, store, confirmed, ownDisk, itsDisk }
}

interface Outcome {
  /** What the former owner has confirmed. */
  readonly confirmed: readonly string[]
  /** All that its successor begins with. */
  readonly held: string
}

/** Confirmed by the one, unknown to the next. */
const lost = ({ confirmed, held }: Outcome): readonly string[] =>
  confirmed.filter((text) => !held.includes(text))

/** The owner stands in its second commit while another takes the shard. */
const ownerStands = async (step: Standing, owner?: Build): Promise<Outcome> => {
  const { b, store, confirmed, ownDisk } = await setup(owner === undefined ? {} : { owner })
  const { stood, goOn } = ownDisk.standAt(step)
  const storing = store("second")
  await stood
  const next = await ModelTenant.open(await b.openShard(0))
  goOn()
  await storing
  return { confirmed, held: next.history }
}

/** The taker stands with all read and its seal written, while the owner commits. */
const takerStands = async (taker?: Build): Promise<Outcome> => {
  const { b, store, confirmed, itsDisk } = await setup(taker === undefined ? {} : { taker })
  const { stood, goOn } = itsDisk.standAt("written")
  const opening = b.openShard(0)
  await stood
  await store("second")
  goOn()
  const next = await ModelTenant.open(await opening)
  return { confirmed, held: next.history }
}

describe("the fence", () => {
  for (const step of ["unwritten", "written", "synced"] as const) {
    it(`C4: an owner that stands with a commit ${step} confirms nothing of it`, async () => {
      const outcome = await ownerStands(step)
      expect([lost(outcome), outcome.confirmed]).toEqual([[], ["first"]])
      // What was on the disk when the token went may be adopted: its outcome was never told.
      if (step !== "written") expect(outcome.held.includes("second")).toBe(step === "synced")
    })
  }

  it("C4: while a taker stands with what it read, the owner confirms nothing more", async () => {
    const outcome = await takerStands()
    expect([lost(outcome), outcome.confirmed]).toEqual([[], ["first"]])
  })

  it("C4: finds a build without the look at the token", async () => {
    expect(lost(await ownerStands("unwritten", unchecked))).toEqual(["second"])
  })

  it("C4: finds a build that looks at the token before it writes", async () => {
    expect(lost(await ownerStands("unwritten", earlyCheck))).toEqual(["second"])
  })

  it("C4: finds a build that reads before it takes the token", async () => {
    expect(lost(await takerStands(readBeforeToken))).toEqual(["second"])
  })
})
