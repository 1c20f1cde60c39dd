/** `skein cluster restart` while clients of both APIs work, judged by the checker. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { checkLogFiles, findLogFiles, renderVerdict } from "@skein/test-checker"
import { expect, it, onTestFinished } from "vitest"
import { ClientLog } from "./ClientLog.js"
import { clientOf, main, node, run, temporaryDirectory } from "./cli/Command.js"
import { Load, skeinAdapters } from "./faults/Load.js"
import { findLogSources } from "./LogLines.js"
import type { ServeCommand } from "./ProcessUnderTest.js"

const [nodes, shards] = [2, 6]
const waitMs = 60_000

const serve: ServeCommand = (dir, port) => [
  ...[process.execPath, main, "cluster", "start", "--nodes", String(nodes)],
  ...["--shards", String(shards), "--dir", dir, "--port", String(port), "--output", "json"],
]

it("C6: a rolling restart loses nothing, fails no call, and moves each shard about twice", async () => {
  const directory = temporaryDirectory()
  const logDirectory = join(directory, "logs")
  mkdirSync(logDirectory)
  const cluster = await node(serve)
  const { address } = cluster
  const observer = await clientOf(address)
  const [source] = findLogSources(undefined, "1", directory)
  const sources = Array.from({ length: shards }, (_, at) => ({ ...source, queue: `q${at}` }))
  for (const { queue } of sources) await observer.declare(queue, { leaseMs: 5_000 })
  const epochNs = process.hrtime.bigint()
  const load = new Load({
    ...{ address, adapters: skeinAdapters, logDirectory, epochNs, seed: "1", sources },
    ...{ publishers: 2, consumers: 2, waitMs },
  })
  onTestFinished(() => load.kill())
  await load.start()
  await load.arm(1_000)
  const before = (await observer.cluster()).nodes
  const restart = ["cluster", "restart", "--yes", "--address", address, "--output", "json"]
  const { code, out, err } = await run(restart, { withinMs: 2 * waitMs })
  expect([code, err]).toEqual([0, ""])
  const { nodes: restarted, moves } = JSON.parse(out)
  expect(restarted).toHaveLength(nodes)
  // Each shard goes away and back once; balance by load may move one more here and there.
  expect(moves).toBeGreaterThanOrEqual(shards)
  expect(moves).toBeLessThanOrEqual(2 * shards + nodes)
  const after = (await observer.cluster()).nodes
  for (const { node: name, instance } of before) {
    expect(after.find((each) => each.node === name)?.instance).not.toBe(instance)
  }

  await load.arm(1)
  await load.stopPublishing()
  const depths = () => Promise.all(sources.map(({ queue }) => observer.show(queue)))
  do await load.idle()
  while ((await depths()).some(({ counts }) => counts.total > 0))
  await load.stopConsuming()
  const log = new ClientLog(logDirectory, "observer", epochNs)
  for (const [at, { name, counts }] of (await depths()).entries()) {
    log.add([{ op: "depth", phase: "ok", counter: at + 1, queue: name, depth: counts.total }])
  }
  log.close()
  const verdict = checkLogFiles(findLogFiles(logDirectory))
  expect(verdict.ok, renderVerdict(verdict)).toBe(true)
  const { confirmed, refused, unknown } = verdict.figures
  expect([refused, unknown]).toEqual([0, 0])
  expect(confirmed).toBeGreaterThan(2_000)
  await observer.close({ timeoutMs: 1_000 })
  expect(await cluster.terminate()).toEqual({ code: 0, signal: null })
}, 240_000)
