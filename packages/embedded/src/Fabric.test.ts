import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Queue, type SkeinClient } from "@skein/client"
import { isSkeinError, type SkeinError } from "@skein/model"
import { Schema } from "effect"
import { expect, it, onTestFinished } from "vitest"
import { Fabric } from "./Fabric.js"

const Order = Schema.Struct({ id: Schema.Int, item: Schema.String })
const orders = Queue.define("orders", Order)

const temporaryDirectory = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "skein-embedded-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const opened = async (options: Parameters<typeof Fabric.embedded>[0]): Promise<SkeinClient> => {
  const client = await Fabric.embedded({ shards: 2, ...options })
  onTestFinished(() => client.close())
  return client
}

const errorOf = async (call: Promise<unknown>): Promise<SkeinError> => {
  const error = await call.then(
    () => "resolved",
    (cause: unknown) => cause,
  )
  if (isSkeinError(error)) return error
  throw new Error(`expected a SkeinError, found ${String(error)}`)
}

/** Takes and acks `count` messages. */
const drain = async (client: SkeinClient, count: number) => {
  const consumer = await client.queue(orders).consume()
  const values: unknown[] = []
  for await (const message of consumer) {
    values.push(message.value)
    await message.ack()
    if (values.length === count) break
  }
  await consumer.close()
  return values
}

it("publishes and consumes in memory", async () => {
  const client = await opened({ memory: true })
  await client.declare(orders)
  await client.queue(orders).publishMany([
    { id: 1, item: "tea" },
    { id: 2, item: "bread" },
  ])
  expect(await drain(client, 2)).toEqual([
    { id: 1, item: "tea" },
    { id: 2, item: "bread" },
  ])
  const { counts } = await client.show(orders)
  expect(counts).toMatchObject({ total: 0, ready: 0, leased: 0, acked: 2 })
})

it("keeps what was confirmed in its directory", async () => {
  const dir = temporaryDirectory()
  const first = await opened({ dir })
  await first.declare(orders)
  await first.queue(orders).publish({ id: 7, item: "salt" })
  await first.close()
  const second = await opened({ dir })
  expect(await drain(second, 1)).toEqual([{ id: 7, item: "salt" }])
})

it("a second fabric on a directory in use is refused, and the holder is named", async () => {
  const dir = temporaryDirectory()
  await opened({ dir })
  const error = await errorOf(Fabric.embedded({ dir, shards: 2 }))
  expect(error._tag).toBe("DirectoryInUse")
  expect(error.detail).toContain(`pid ${process.pid}`)
})

it("another program's directory is refused", async () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, "notes.txt"), "mine")
  expect((await errorOf(Fabric.embedded({ dir })))._tag).toBe("DirectoryForeign")
})

it("C8: another number of shards than the fabric has is refused", async () => {
  const dir = temporaryDirectory()
  await (await opened({ dir, shards: 2 })).close()
  const error = await errorOf(Fabric.embedded({ dir, shards: 3 }))
  expect(error._tag).toBe("ConfigInvalid")
  expect(error.detail).toContain("has 2 shards, not 3")
})

it("after close every call rejects with FabricClosed, and the directory is free", async () => {
  const dir = temporaryDirectory()
  const client = await opened({ dir })
  await client.close()
  expect((await errorOf(client.status()))._tag).toBe("FabricClosed")
  expect((await errorOf(client.queue(orders).publish({ id: 1, item: "x" })))._tag).toBe(
    "FabricClosed",
  )
  await (await opened({ dir })).close()
})

it("an aborted opening leaves the directory free", async () => {
  const dir = temporaryDirectory()
  const aborted = AbortSignal.abort()
  expect((await errorOf(Fabric.embedded({ dir, shards: 2, signal: aborted })))._tag).toBe("Aborted")
  await opened({ dir })
})

it("tells what it is like any node", async () => {
  const client = await opened({ memory: true })
  const status = await client.status()
  expect(status).toMatchObject({ node: "embedded", shards: 2, shardsOpen: 2, pid: process.pid })
  expect(status.journal.durability).toBe("memory")
})

it("keeps a stored message as it was published, whatever a consumer does to its body", async () => {
  const fabric = await opened({ memory: true })
  const bytes = Queue.bytes("bytes")
  await fabric.declare(bytes)
  await fabric.queue(bytes).publish(Uint8Array.of(1, 2, 3))
  const consumer = await fabric.queue(bytes).consume()
  const first = await consumer.take()
  first?.messages[0].value.fill(9)
  await first?.messages[0].return()
  const again = await consumer.take()
  expect(again?.messages[0].value).toEqual(Uint8Array.of(1, 2, 3))
})
