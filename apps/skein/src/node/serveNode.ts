/**
 * Owns: a node with its doors: the engine's control calls, and the port for clients.
 * Start order: shards, engine, port; a port that is taken fails the start. Stop: the reverse.
 */
import { fixedTable, layerAdminDoors, layerEngine, makeDoorAdmin } from "@skein/cluster"
import { type NodeIdentity, type OpenNode, openNode } from "@skein/embedded/openNode"
import { asSkeinError, type SkeinError } from "@skein/model"
import {
  type ClientPort,
  DoorFailed,
  type NodeCore,
  type OpenClientPort,
  openClientPort,
} from "@skein/node"
import { Child } from "@skein/supervision"
import type { Admin } from "@skein/wire"
import { Effect, Layer, type Scope } from "effect"
import type { Settings } from "../config/settings.js"
import type { ClusterSeam } from "./ClusterSeam.js"
import type { NodeLog } from "./NodeLog.js"

export interface ServeOptions {
  readonly settings: Settings
  /** Absent: in memory. */
  readonly dir: string | undefined
  readonly token: string | undefined
  readonly version: string
  readonly log: NodeLog
  /** Absent: a node on its own. */
  readonly cluster: ClusterSeam | undefined
}

export interface ServedNode {
  readonly address: string
  readonly fabricId: string
  readonly shards: number
  /** Resolves when the node has given up. */
  readonly failed: Promise<SkeinError>
  readonly close: () => Promise<void>
}

/** Rejects with DirectoryInUse, -Foreign, -Unusable, AddressInUse, BindRefused, ConfigInvalid, … */
export const serveNode = async (options: ServeOptions): Promise<ServedNode> => {
  const { settings, dir, version, log, cluster } = options
  const doors = new Doors(options)
  const node: OpenNode = await (cluster?.openNode ?? openNode)({
    storage: dir === undefined ? { memory: true } : { dir },
    ...(settings.shards !== undefined && { shards: settings.shards }),
    nodeName: settings.node,
    version,
    doors: (core, identity) => doors.children(core, identity),
    outside: () => ({ address: doors.address, connections: doors.connections }),
    ...(cluster !== undefined && { clusterStatus: cluster.status }),
    onFault: (where, error) => log.line("error", `${where}: ${error.message}`),
    onNotice: (where, text) => log.line("warn", `${where}: ${text}`),
  })
  const { fabricId, shards, failed, close } = node
  return { address: doors.address, fabricId, shards, failed, close }
}

class Doors {
  address = ""
  #port: ClientPort | undefined
  #admin: Admin | undefined

  constructor(private readonly options: ServeOptions) {}

  get connections(): number {
    return this.#port?.counters().connections ?? 0
  }

  children(core: NodeCore, identity: NodeIdentity): readonly Child.Child<DoorFailed>[] {
    return [
      Child.fiber({
        name: "engine",
        start: this.#control(core, identity),
        run: () => Effect.never,
      }),
      Child.fiber({ name: "port", start: this.#listen(core, identity), run: () => Effect.never }),
    ]
  }

  #control(core: NodeCore, identity: NodeIdentity) {
    const { cluster } = this.options
    const made: Effect.Effect<Admin, SkeinError, Scope.Scope> =
      cluster?.admin(core, identity) ?? this.#alone(core, identity)
    const admin = Effect.mapError(made, (error) => new DoorFailed({ error }))
    return Effect.tap(admin, (made) => Effect.sync(() => this.#keepAdmin(made)))
  }

  #alone(core: NodeCore, { shards }: NodeIdentity) {
    const { host, port } = this.options.settings
    // With one node the address is a name only: nobody connects to it.
    const address = { host, port }
    // The one node has every shard; a shard that is being opened again refuses calls itself, which
    // is a quicker answer than the engine's waiting for it.
    const local = { isOpen: () => true }
    const engine = layerEngine({ address, table: fixedTable(address, shards), local })
    return Layer.build(layerAdminDoors(core.admin).pipe(Layer.provideMerge(engine))).pipe(
      Effect.flatMap((context) => Effect.provide(makeDoorAdmin(core.admin, local), context)),
    )
  }

  #listen(core: NodeCore, identity: NodeIdentity) {
    const { settings, token, log, cluster } = this.options
    const { fabricId, instance } = identity
    return Effect.suspend(() =>
      openClientPort(
        { broker: core.broker, admin: this.#admin ?? core.admin },
        {
          host: settings.host,
          port: settings.port,
          identity: { fabricId, instance, node: settings.node },
          ...(token !== undefined && { token }),
          ...cluster?.port(identity),
          onEvent: (event) => log.port(event),
        },
      ),
    ).pipe(
      Effect.mapError((error) => new DoorFailed({ error })),
      Effect.tap((opened) => Effect.sync(() => this.#keepPort(opened, core))),
      Effect.tap(() => this.#reachable()),
    )
  }

  #reachable(): Effect.Effect<void, DoorFailed> {
    const { cluster, settings } = this.options
    if (cluster === undefined) return Effect.void
    return Effect.tryPromise({
      try: () => cluster.reachable(settings.advertise ?? this.address),
      catch: (cause) => new DoorFailed({ error: asSkeinError(cause) }),
    })
  }

  #keepAdmin(admin: Admin): void {
    this.#admin = admin
  }

  #keepPort({ port, address: { host, port: number } }: OpenClientPort, core: NodeCore): void {
    this.#port = port
    core.showConnections(() => port.clients())
    this.address = host.includes(":") ? `[${host}]:${number}` : `${host}:${number}`
  }
}
