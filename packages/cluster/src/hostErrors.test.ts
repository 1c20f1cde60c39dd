import { skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { endOfHost, hostFault, outcomeUnknown, stillMoving } from "./hostErrors.js"

const movedTo = () => skeinError("Moved", "n2 has it", { node: "n2", address: "127.0.0.1:2" })

describe("the end of a host", () => {
  it("names the new owner when a move is why, and keeps one that is named already", () => {
    const named = skeinError("Moved", "n3 has it", { address: "127.0.0.1:3" })
    expect(endOfHost(7, named, movedTo)).toBe(named)
    const bare = skeinError("Moved", "gone")
    expect(endOfHost(7, bare, movedTo).data.node).toBe("n2")
    expect(endOfHost(7, bare, () => undefined)).toBe(bare)
    expect(endOfHost(7, bare, undefined)).toBe(bare)
  })

  it("may be asked again after what stopped this host only, with its cause", () => {
    const why = hostFault(new Error("a bug"))
    const heard = endOfHost(7, why, movedTo)
    expect([heard._tag, heard.retryable, heard.data.shard]).toEqual(["ShardUnavailable", true, 7])
    expect(heard.cause).toBe(why)
    expect(heard.detail).toContain("a bug")
  })

  it("leaves what may be repeated, and the end of the fabric, as they are", () => {
    for (const tag of ["FabricClosed", "Overloaded", "ShardUnavailable"] as const) {
      const why = skeinError(tag, "as it is")
      expect(endOfHost(7, why, movedTo)).toBe(why)
    }
  })
})

describe("the outcome of a commit that was not answered", () => {
  it("is unknown, and all else as it was told", () => {
    const told = skeinError("Moved", "gone", { node: "n2" }, { cause: "x" })
    const heard = outcomeUnknown(told)
    expect([heard._tag, heard.detail, heard.cause]).toEqual(["Moved", "gone", "x"])
    expect(heard.data).toEqual({ node: "n2", outcome: "unknown" })
    expect(told.data.outcome).toBeUndefined()
  })
})

describe("a move that lasts", () => {
  it("is a reason to ask again", () => {
    expect([stillMoving(7).retryable, stillMoving(7).data.shard]).toEqual([true, 7])
  })
})
