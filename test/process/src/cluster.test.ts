/** Several nodes on one directory under `skein cluster start`, as an operator runs them. */
import { expect, it } from "vitest"
import { clientOf, main, node, run } from "./cli/Command.js"
import type { ServeCommand } from "./ProcessUnderTest.js"
import { within } from "./within.js"

/** What is read here of `cluster status --output json`. */
interface ClusterStatus {
  readonly nodes: readonly {
    readonly node: string
    readonly instance: string
    readonly pid: number
    readonly state: string
    readonly shards: readonly number[]
  }[]
  readonly unplaced: readonly number[]
  readonly problems: readonly string[]
}

const messages = 3_000
const nodes = 3

const serve: ServeCommand = (dir, port) => [
  ...[process.execPath, main, "cluster", "start", "--nodes", String(nodes), "--shards", "12"],
  ...["--dir", dir, "--port", String(port), "--output", "json"],
]

const statusAt = async (address: string): Promise<ClusterStatus> => {
  const { code, out, err } = await run([
    "cluster",
    "status",
    "--address",
    address,
    "--output",
    "json",
  ])
  if (code !== 0) throw new Error(`cluster status: exit ${code}: ${err}`)
  return JSON.parse(out) as ClusterStatus
}

/** Asks until the fabric is as wanted; each question takes a process, so this does not spin. */
const statusWhere = async (
  address: string,
  what: string,
  isWanted: (status: ClusterStatus) => boolean,
): Promise<ClusterStatus> => {
  let isLate = false
  const ask = async (): Promise<ClusterStatus> => {
    for (;;) {
      const status = await statusAt(address)
      if (isWanted(status) || isLate) return status
    }
  }
  try {
    return await within(ask(), 30_000, what)
  } finally {
    isLate = true
  }
}

const allServe = ({ nodes: seen, unplaced, problems }: ClusterStatus): boolean =>
  seen.filter(({ state }) => state === "serving").length === nodes &&
  unplaced.length + problems.length === 0

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

it("C3: a node is killed under load: all that was confirmed is consumed, in order", async () => {
  const cluster = await node(serve)
  const { address } = cluster
  const before = await statusWhere(address, "nodes that all serve", allServe)
  expect(before.nodes.map((each) => each.node)).toEqual(["n1", "n2", "n3"])

  const client = await clientOf(address)
  const info = await client.declare("numbers")
  const handle = client.queue("numbers")
  await handle.publish(0)
  const rest = Array.from({ length: messages - 1 }, (_, at) => handle.publish(at + 1))
  const confirms = Promise.all(rest)
  await within(Promise.race(rest), 20_000, "first confirm")
  const owner = before.nodes.find(({ shards }) => shards.includes(info.shard))
  if (owner === undefined) throw new Error(`nobody has shard ${info.shard}`)
  process.kill(owner.pid, "SIGKILL")
  await within(confirms, 60_000, "confirms after the kill")

  const seen: unknown[] = []
  const consumer = await handle.consume()
  while (seen.length < messages) {
    const batch = await within(consumer.take(), 20_000, "messages")
    if (batch === undefined) break
    for (const { value } of batch.messages) seen.push(value)
    await batch.ack()
  }
  expect(seen).toEqual(Array.from({ length: messages }, (_, at) => at))
  expect((await client.show("numbers")).counts.total).toBe(0)

  const after = await statusWhere(
    address,
    `${owner.node} back in a new process`,
    (status) =>
      allServe(status) &&
      status.nodes.some((each) => each.node === owner.node && each.instance !== owner.instance),
  )
  expect(cluster.stderr).toContain(`${owner.node} ended: signal SIGKILL`)
  await client.close({ timeoutMs: 1_000 })
  expect(await cluster.terminate()).toEqual({ code: 0, signal: null })
  const pids = [...before.nodes, ...after.nodes].map(({ pid }) => pid)
  expect(pids.filter(isAlive)).toEqual([])
})

it("C3: the supervisor is killed: its nodes stop too; the next start has everything", async () => {
  const cluster = await node(serve)
  const { nodes: running } = await statusWhere(cluster.address, "nodes that all serve", allServe)
  const client = await clientOf(cluster.address)
  await client.declare("q")
  await client.queue("q").publish("kept")
  await cluster.kill()
  const gone = async (): Promise<void> => {
    while (running.some(({ pid }) => isAlive(pid))) await run(["--version"])
  }
  await within(gone(), 15_000, "end of the nodes of a supervisor that was killed")
  await cluster.start()
  const { counts } = await within(client.show("q"), 30_000, "the queue after the restart")
  expect(counts.total).toBe(1)
  expect(await cluster.terminate()).toEqual({ code: 0, signal: null })
})
