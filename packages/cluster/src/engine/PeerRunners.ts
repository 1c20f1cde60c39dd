/**
 * Owns: the engine's calls to other nodes (its `Runners`), over links to peers.
 * Must not know: entities.
 *
 * The engine says that a runner is unavailable for each entry that leaves the table, so also when
 * one shard moves. Only when the node has no entry left is that passed on and its connection ended;
 * what waits on it (the node may be stopped, not dead) then goes where the shards are.
 */
import type { Clock } from "@skein/model"
import { Effect, Layer } from "effect"
import { RpcClient, type RunnerAddress, Runners, Snowflake } from "../Platform.js"
import { PeerLink } from "./PeerLink.js"
import type { Peers } from "./Peers.js"
import { isSame, type ShardTable, showAddress } from "./ShardTable.js"

export const layerPeerRunners = (table: ShardTable, peers: Peers, clock: Clock) => {
  const links = new Map<string, PeerLink>()
  const protocol = Layer.succeed(Runners.RpcClientProtocol, (address) =>
    protocolTo(links, address, peers, clock),
  )
  const runners = Effect.map(Runners.makeRpc, (inner) =>
    Runners.Runners.of({
      ...inner,
      onRunnerUnavailable: (address) =>
        Effect.suspend(() => {
          // A plain read: the engine's own waits for a change.
          if (table.nodes().some((node) => isSame(node, address))) return Effect.void
          links.get(showAddress(address))?.drop()
          return inner.onRunnerUnavailable(address)
        }),
    }),
  )
  return Layer.scoped(Runners.Runners, runners).pipe(
    Layer.provide(protocol),
    Layer.provide(Snowflake.layerGenerator),
  )
}

const protocolTo = (
  links: Map<string, PeerLink>,
  runner: RunnerAddress.RunnerAddress,
  peers: Peers,
  clock: Clock,
) =>
  RpcClient.Protocol.make((deliver) =>
    Effect.gen(function* () {
      const address = showAddress(runner)
      const link = new PeerLink({
        peers,
        address,
        clock,
        deliver: (message) => {
          Effect.runFork(deliver(message))
        },
      })
      links.set(address, link)
      yield* Effect.addFinalizer(() =>
        Effect.promise(() => {
          if (links.get(address) === link) links.delete(address)
          return link.close()
        }),
      )
      return {
        send: (message) => link.send(message),
        supportsAck: false,
        supportsTransferables: false,
      }
    }),
  )
