/** What operators of a cluster get wrong: the README's table, by the real command. */
import { expect, it } from "vitest"
import { clientOf, main, node, run } from "./cli/Command.js"
import type { ServeCommand } from "./ProcessUnderTest.js"

const serve: ServeCommand = (dir, port) => [
  ...[process.execPath, main, "cluster", "start", "--nodes", "2", "--shards", "6"],
  ...["--dir", dir, "--port", String(port), "--output", "json"],
]

it("C8: what a cluster cannot do is refused with its code, and it serves on", async () => {
  const cluster = await node(serve)
  const { address, directory } = cluster
  const start = (...argv: readonly string[]) =>
    run(["node", "start", "--dir", directory, "--port", "0", ...argv])
  const asNode = ["--cluster", "--bootstrap", address, "--node"]
  const starts = await Promise.all([
    start(...asNode, "n1"),
    start(...asNode, "n9", "--shards", "7"),
    start(),
  ])
  expect(starts.map(({ code, err }) => [code, err.split(":")[0]])).toEqual([
    [7, "SKEIN_NODE_NAME_IN_USE"],
    [2, "SKEIN_CONFIG_INVALID"],
    [7, "SKEIN_DIRECTORY_IN_USE"],
  ])

  const operate = (...argv: readonly string[]) => run(["cluster", ...argv, "--address", address])
  const drained = await operate("drain", "n2", "--yes")
  expect([drained.code, drained.out]).toEqual([0, "n2 is draining\n"])
  const refusals = await Promise.all([
    operate("move", "s000", "n2", "--yes"),
    operate("drain", "n1", "--yes"),
    operate("move", "s000", "n7", "--yes"),
    operate("move", "s099", "n1", "--yes"),
    operate("revive", "n7"),
  ])
  const refusalOf = (err: string) => /SKEIN_\w+/.exec(err)?.[0]
  expect(refusals.map(({ code, err }) => [code, refusalOf(err)])).toEqual([
    [1, "SKEIN_MOVE_REFUSED"],
    [1, "SKEIN_MOVE_REFUSED"],
    [4, "SKEIN_NODE_UNKNOWN"],
    [1, "SKEIN_MOVE_REFUSED"],
    [4, "SKEIN_NODE_UNKNOWN"],
  ])

  const client = await clientOf(address)
  await client.declare("q")
  expect((await client.queue("q").publish("still here")).sequence).toBe(1)
  await cluster.terminate()
})
