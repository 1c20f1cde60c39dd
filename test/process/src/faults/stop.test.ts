/** How a real node ends and comes back: signals, kill -9, and clients that live through it. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Queue } from "@skein/client"
import { expect, it } from "vitest"
import { clientOf, node, run, serve, temporaryDirectory } from "../cli/Command.js"
import type { Exit } from "../ProcessUnderTest.js"
import { within } from "../within.js"

it("N4: SIGTERM with consumers that wait and publishes in flight: exit 0 within 5 s", async () => {
  const started = await node()
  const client = await clientOf(started.address)
  await client.declare("q")
  const consumer = await client.queue("q").consume()
  const taken = consumer.take()
  await client.queue("q").publish("first")
  expect((await taken)?.messages).toHaveLength(1)
  // Not awaited: they are in flight, or wait in the client, when the signal comes.
  for (let at = 0; at < 1_000; at++)
    client
      .queue("q")
      .publish(at)
      .catch(() => {})
  expect(await started.terminate(5_000)).toEqual({ code: 0, signal: null })
})

/** Holds every sync back from the first SIGTERM on, so that the stop cannot end. */
const hangingStop = `
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
process.on("SIGTERM", () => {
  fs.fdatasync = () => {}
  fs.fdatasyncSync = () => {}
  syncBuiltinESMExports()
})
`

it("N4: a second SIGTERM ends a node that is still stopping at once", async () => {
  const preload = join(temporaryDirectory(), "hangingStop.mjs")
  writeFileSync(preload, hangingStop)
  const [program = "", ...argv] = serve()(temporaryDirectory(), 0)
  const started = await node(() => [program, "--import", preload, ...argv])
  const client = await clientOf(started.address)
  await client.declare("q")
  await client.queue("q").publish("first")
  let end: Exit | undefined
  const ended = started.terminate(4_000).then((exit) => {
    end = exit
  })
  // The same signal within 250 ms counts once, so it is sent until it counts.
  while (end === undefined) {
    await Promise.race([ended, run(["--version"])])
    if (started.pid !== undefined) process.kill(started.pid, "SIGTERM")
  }
  expect(end).toEqual({ code: 143, signal: null })
  expect(started.stderr).toContain("SIGTERM again: ended at once")
})

it("N4, N5: a client lives through kill -9: each publish is confirmed once, in order", async () => {
  const started = await node()
  const client = await clientOf(started.address)
  const numbers = Queue.any("numbers")
  await client.declare(numbers)
  const handle = client.queue(numbers)
  await handle.publish(0)
  const rest = Array.from({ length: 2_000 }, (_, at) => handle.publish(at + 1))
  await within(Promise.race(rest), 20_000, "first confirm")
  await started.kill()
  await started.start()
  await within(Promise.all(rest), 60_000, "confirms after the restart")
  const seen: unknown[] = []
  const consumer = await handle.consume()
  while (seen.length < 2_001) {
    const batch = await within(consumer.take(), 20_000, "messages")
    if (batch === undefined) break
    for (const { value } of batch.messages) seen.push(value)
    await batch.ack()
  }
  expect(seen).toEqual(Array.from({ length: 2_001 }, (_, at) => at))
  expect((await client.show(numbers)).counts.total).toBe(0)
})
