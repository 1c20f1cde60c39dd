/**
 * Owns: a view of a connection that reports when the node says that it does not serve the shard,
 * before the caller's own handler hears of it. One continuation per request, none per message.
 */
import type { Broker } from "@skein/wire"
import type { FabricConnection } from "./FabricConnection.js"

export interface FabricWatch {
  readonly answered: () => void
  readonly refused: (error: unknown) => void
}

export const watchFabric = (root: FabricConnection, watch: FabricWatch): FabricConnection => {
  const { broker } = root
  const heard = <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    answer.then(watch.answered, watch.refused)
    return answer
  }
  const watched: Broker = {
    publish: (request) => heard(broker.publish(request)),
    settle: (request) => heard(broker.settle(request)),
    extend: (request) => heard(broker.extend(request)),
    fetch: (request) => {
      const call = broker.fetch(request)
      // Refused together; who waits for the settles must not hear it first.
      if (request.settles.length > 0) call.settled.then(undefined, watch.refused)
      heard(call.delivered)
      return call
    },
    openSession: (session, leaseMs) => broker.openSession(session, leaseMs),
    closeSession: (session) => broker.closeSession(session),
  }
  return {
    root,
    broker: watched,
    admin: root.admin,
    closed: root.closed,
    close: () => root.close(),
  }
}
