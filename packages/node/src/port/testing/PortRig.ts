/**
 * Owns: an open client port for tests: over a stub fabric, on a free port, under a clock that the
 * test moves; stopped with its test.
 */
import { ManualClock } from "@skein/journal"
import { onTestFinished } from "vitest"
import { ClientPort, type ClientPortOptions, type PortAddress } from "../ClientPort.js"
import type { PortEvent } from "../PortHost.js"
import { StubFabric } from "./StubFabric.js"

export const identity = { node: "n1", fabricId: "f", instance: "i" }

/** What `counters()` says once nothing is left of anybody. */
export const nothingKept = {
  connections: 0,
  requestsInFlight: 0,
  inFlightBytes: 0,
  partialBytes: 0,
  unsentBytes: 0,
}

export interface PortRig {
  readonly fabric: StubFabric
  readonly clock: ManualClock
  /** All that the port has told so far. */
  readonly events: readonly PortEvent[]
  readonly port: ClientPort
  readonly address: PortAddress
}

/** `options` go before the rig's own. */
export const openPort = async (options: Partial<ClientPortOptions> = {}): Promise<PortRig> => {
  const fabric = new StubFabric()
  const clock = new ManualClock()
  const events: PortEvent[] = []
  const port = new ClientPort(fabric, {
    host: "127.0.0.1",
    port: 0,
    identity,
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  })
  const address = await port.start()
  onTestFinished(() => stopNow(port))
  return { fabric, clock, events, port, address }
}

/** Without waiting for clients. */
export const stopNow = (port: ClientPort): Promise<void> => {
  void port.stop()
  return port.stop()
}
