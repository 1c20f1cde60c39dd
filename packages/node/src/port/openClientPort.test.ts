import { Effect } from "effect"
import { expect, it } from "vitest"
import { openClientPort } from "./openClientPort.js"
import { identity } from "./testing/PortRig.js"
import { RawClient } from "./testing/RawClient.js"
import { StubFabric } from "./testing/StubFabric.js"

const options = { host: "127.0.0.1", port: 0, identity }

it("serves while its scope is open, and drains when it closes", async () => {
  const client = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const { address } = yield* openClientPort(new StubFabric(), options)
        const client = yield* Effect.promise(() => RawClient.open(address.port))
        expect(yield* Effect.promise(() => client.ping())).toBe(true)
        return client
      }),
    ),
  )
  expect((await client.next())?.kind).toBe("goaway")
  expect(await client.next()).toBeUndefined()
})

it("fails with the port's error", async () => {
  const open = openClientPort(new StubFabric(), { ...options, host: "0.0.0.0" })
  const error = await Effect.runPromise(Effect.scoped(Effect.flip(open)))
  expect(error._tag).toBe("BindRefused")
})
