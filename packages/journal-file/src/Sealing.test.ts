import {
  commitModel,
  type DiskOperation,
  ModelTenant,
  modelRecord,
  SeededRandom,
  SimulatedDisk,
} from "@skein/journal"
import { describe, expect, it } from "vitest"
import { openSimulated, settle } from "./testkit/openSimulated.js"

const shared = { shared: true, processRuns: () => true }

describe("Sealing", () => {
  for (const kind of ["sync", "write"] as const) {
    it(`the first EIO of a ${kind} under a move's seal ends all confirming`, async () => {
      const disk = new SimulatedDisk({ random: new SeededRandom(1) })
      const source = await openSimulated(disk.process(), 1, shared)
      const target = await openSimulated(disk.process(), 2, shared)
      const given = await ModelTenant.open(await source.openShard(0))
      const other = await ModelTenant.open(await target.openShard(1))
      await commitModel(source, given, modelRecord("a"))
      await commitModel(target, other, modelRecord("o"))
      const followed = await target.follow(0)
      const next = await ModelTenant.follow(followed)
      await next.catchUp(followed)
      const epoch = await given.opened.handTo(target.instance)
      await settle()
      let failed = false
      disk.fault = (operation: DiskOperation) => {
        if (failed || operation.kind !== kind) return undefined
        failed = true
        return { errno: "EIO" }
      }
      await expect(next.openFollowed(followed, epoch)).rejects.toBeDefined()
      expect(failed).toBe(true)
      const { shard, epoch: held } = other.opened
      const records = [modelRecord("x")]
      const [result] = await target.commit([{ shard, epoch: held, records }])
      expect(result._tag).toBe("Refused")
    })
  }
})
