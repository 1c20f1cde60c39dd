import { describe, expect, it } from "vitest"
import type { MovePeer } from "./MovePeer.js"
import { movePeerOver, receiveMove } from "./moveMessages.js"

const ref = { shard: 3, from: "n1", to: "n2", attempt: "i/7" }
const move = { shard: 3, from: "n1", to: "n2", reason: "n1 has more", kind: "balance" } as const

const recorder = (outcome: "done" | "refused" = "done") => {
  const heard: unknown[] = []
  const note =
    (call: string) =>
    async (...given: unknown[]) => {
      heard.push([call, ...given])
    }
  const peer: MovePeer = {
    invite: note("invite"),
    behind: note("behind"),
    handed: note("handed"),
    serving: note("serving"),
    refused: note("refused"),
    uninvite: note("uninvite"),
    startMove: async (given) => {
      heard.push(["startMove", given])
      return outcome
    },
  }
  return { peer, heard }
}

describe("messages of moves", () => {
  it("bring every call as it was made", async () => {
    const { peer, heard } = recorder()
    const far = movePeerOver((message) => receiveMove(peer, message))
    await far.invite(ref)
    await far.behind(ref, 12)
    await far.handed(ref, 5)
    await far.serving(ref, 5)
    await far.refused(ref, "no room")
    await far.uninvite(ref)
    expect(await far.startMove(move)).toBe("done")
    expect(heard).toEqual([
      ["invite", ref],
      ["behind", ref, 12],
      ["handed", ref, 5],
      ["serving", ref, 5],
      ["refused", ref, "no room"],
      ["uninvite", ref],
      ["startMove", move],
    ])
    const refusing = recorder("refused").peer
    const other = movePeerOver((message) => receiveMove(refusing, message))
    expect(await other.startMove(move)).toBe("refused")
  })

  it("are refused when they make no sense, and nothing is done", async () => {
    const { peer, heard } = recorder()
    for (const message of [
      {},
      { call: "invite" },
      { call: "nonsense", ...ref },
      { call: "behind", ...ref, bytes: -1 },
      { call: "handed", ...ref, epoch: "5" },
      { call: "invite", ...ref, to: "x".repeat(5000) },
      { call: "startMove", ...move, kind: "whim" },
    ]) {
      await expect(receiveMove(peer, message)).rejects.toMatchObject({ _tag: "ProtocolError" })
    }
    expect(heard).toEqual([])
  })
})
