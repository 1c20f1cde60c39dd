/** Owns: the calls of AdminRpcs, each handed to the Admin port. */
import { encodeError, isSkeinError, type SkeinErrorEncoded } from "@skein/model"
import { type Admin, AdminRpcs } from "@skein/wire"
import { Effect } from "effect"

export const adminHandlers = (admin: Admin) =>
  AdminRpcs.toLayer({
    declare: ({ name, policy }) => answer(() => admin.declare(name, policy)),
    delete: ({ name }) => answer(() => admin.delete(name)),
    lookup: ({ name }) => answer(() => admin.lookup(name)),
    list: (request) => answer(() => admin.list(request)),
    show: ({ name }) => answer(() => admin.show(name)),
    purge: ({ name }) => answer(() => admin.purge(name)),
    peek: (request) => answer(() => admin.peek(request)),
    status: () => answer(() => admin.status()),
    cluster: () => answer(() => admin.cluster()),
    beginBackup: ({ shard }) => answer(() => admin.beginBackup(shard)),
    readBackup: (request) => answer(() => admin.readBackup(request)),
    drainNode: ({ node }) => answer(() => done(admin.drainNode(node))),
    reviveNode: ({ node }) => answer(() => done(admin.reviveNode(node))),
    planMoves: () => answer(() => admin.planMoves()),
    rebalance: () => answer(() => admin.rebalance()),
    whyShard: ({ shard }) => answer(() => admin.whyShard(shard)),
    moveShard: ({ shard, node }) => answer(() => done(admin.moveShard(shard, node))),
    decisions: (request) => answer(() => admin.decisions(request)),
    restartNode: ({ node, instance }) => answer(() => done(admin.restartNode(node, instance))),
    shardLoads: () => answer(() => admin.shardLoads()),
    clients: ({ node }) => answer(() => admin.clients(node)),
  })

const done = (call: Promise<void>): Promise<boolean> => call.then(() => true)

/** Expected errors travel; anything else is a defect of the node. */
const answer = <Value>(call: () => Promise<Value>): Effect.Effect<Value, SkeinErrorEncoded> =>
  Effect.tryPromise({ try: call, catch: (cause) => cause }).pipe(
    Effect.catchAll((cause) =>
      isSkeinError(cause) ? Effect.fail(encodeError(cause)) : Effect.die(cause),
    ),
  )
