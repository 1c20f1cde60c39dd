/** What `cluster start` does before and around its nodes, with the real command. */
import { createServer } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { run, start, temporaryDirectory } from "./Command.js"

it("C1: an address to begin at that is taken is told at once, with exit code 7", async () => {
  const taken = createServer()
  onTestFinished(() => void taken.close())
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port))
  })
  const dir = temporaryDirectory()
  const { code, err } = await run(["cluster", "start", "--dir", dir, "--port", String(port)])
  expect(err).toContain(`SKEIN_ADDRESS_IN_USE: 127.0.0.1:${port} is in use`)
  expect(code).toBe(7)
})

it("a node whose parent is gone stops in order", async () => {
  const dir = temporaryDirectory()
  const argv = ["node", "start", "--with-parent", "--dir", dir, "--port", "0", "--shards", "1"]
  const { child, ended, wrote } = start([...argv, "--output", "json"])
  await wrote("listening")
  expect(child.exitCode).toBeNull()
  child.stdin?.end()
  const { code, err } = await ended
  expect(err).toContain("the parent is gone: stopping")
  expect(code).toBe(0)
})
