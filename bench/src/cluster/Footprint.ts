/** Memory and open files of a fabric's nodes at two moments: what many moves leave behind. */
import { readdirSync } from "node:fs"
import { ProcessSampler } from "../measure/ProcessSampler.js"
import type { Fabric } from "./Fabric.js"

interface Held {
  readonly rssMiB: number
  readonly openFiles: number
}

export class Footprint {
  private constructor(
    private readonly fabric: Fabric,
    private readonly before: Held,
  ) {}

  static async of(fabric: Fabric): Promise<Footprint> {
    return new Footprint(fabric, await heldBy(fabric))
  }

  /** By how much all nodes together grew since; NaN where this machine does not tell. */
  async grown(): Promise<{ readonly rssGrowthMiB: number; readonly openFilesGrowth: number }> {
    const now = await heldBy(this.fabric)
    return {
      rssGrowthMiB: now.rssMiB - this.before.rssMiB,
      openFilesGrowth: now.openFiles - this.before.openFiles,
    }
  }
}

const heldBy = async (fabric: Fabric): Promise<Held> => {
  const { nodes } = await fabric.admin.cluster()
  const pids = nodes.map(({ pid }) => pid)
  const sampler = new ProcessSampler(pids)
  const rssMiB = sampler.rssMiB() ?? Number.NaN
  sampler.stop()
  return { rssMiB, openFiles: pids.reduce((sum, pid) => sum + openFilesOf(pid), 0) }
}

const openFilesOf = (pid: number): number => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return Number.NaN
  }
}
