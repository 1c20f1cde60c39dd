/**
 * The failpoints of the nodes of one run: a directory that all of them are given. The node that
 * comes first to a step whose file is there takes it and stops itself; no other stops there.
 */
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Failpoint } from "@skein/journal"
import type { FabricUnderTest, NodeUnderTest } from "../faults/FabricUnderTest.js"
import { within } from "../within.js"

export class FailpointFiles {
  constructor(readonly directory: string) {
    mkdirSync(directory, { recursive: true })
  }

  /** From now on the next node that comes there stops; resolves with it when it stands. */
  arm(at: Failpoint, fabric: FabricUnderTest, waitMs: number): Promise<NodeUnderTest> {
    const stands = fabric.nodes.map(async (node) => {
      await node.process.wrote(`stands at ${at}\n`)
      return node
    })
    closeSync(openSync(join(this.directory, at), "wx"))
    return within(Promise.race(stands), waitMs, `node that stands at ${at}`)
  }

  /** Nobody stops there any more; `false`: somebody did. */
  disarm(at: Failpoint): boolean {
    const file = join(this.directory, at)
    const isArmed = existsSync(file)
    rmSync(file, { force: true })
    return isArmed
  }
}
