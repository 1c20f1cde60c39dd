/** Faults of the network, done by the relays: between clients and all nodes, or around one node. */
import { type Aimed, anyNode, anywhere, type Fault, type Ground } from "../Fault.js"
import type { Relay, RelayMode } from "../Relay.js"

/** Added each way by `delay-clients`. */
const delayMs = 150

const setAll = (relays: ReadonlyArray<Relay>, mode: RelayMode, detail: string): Aimed => ({
  inject: async () => {
    for (const relay of relays) relay.set(mode, delayMs)
    return {
      detail,
      undo: async () => {
        for (const relay of relays) relay.set("pass")
      },
    }
  },
})

const clients = (
  name: string,
  mode: RelayMode,
  detail: string,
  holdMs: readonly [number, number] = [200, 2_000],
): Fault => ({
  name,
  probe: anywhere,
  holdMs,
  aim: ({ fabric }: Ground) => setAll(fabric.relays, mode, detail),
})

export const cutClients = clients("cut-clients", "cut", "every connection reset, none accepted")
export const holeClients = clients("hole-clients", "hole", "no byte either way, nothing refused")
export const halfOpenClients = clients(
  "half-open-clients",
  "halfOpen",
  "reset towards the nodes, silence towards the clients",
)
export const delayClients = clients("delay-clients", "delay", `${delayMs} ms more each way`)
export const tearFrames = clients(
  "tear-frames",
  "tear",
  "connections reset in the middle of what was being sent",
  [50, 300],
)

/** A partition as far as a relay can make one: the node reaches others, nobody reaches it. */
export const isolateNode: Fault = {
  name: "isolate-node",
  probe: ({ nodes }) => (nodes > 1 ? undefined : "needs two nodes: --nodes 2 or more"),
  holdMs: [900, 3_000],
  aim: (ground) => {
    const { name, relay } = anyNode(ground)
    return setAll([relay], "hole", `nobody reaches ${name}, by its proxy`)
  },
}
