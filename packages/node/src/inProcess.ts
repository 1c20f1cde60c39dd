/**
 * Owns: the Broker port for callers in the node's own process. Over a socket a consumer has bytes
 * of its own; here it would share them with what is stored, and one that writes into a body would
 * change the message for whoever gets it next.
 */
import type { Broker, DeliveredRun, FetchCall } from "@skein/wire"

/** The same broker, except that delivered frames are the caller's to keep and to change. */
export const inProcess = (broker: Broker): Broker => ({
  publish: (request) => broker.publish(request),
  fetch: (request) => ownFrames(broker.fetch(request)),
  settle: (request) => broker.settle(request),
  extend: (request) => broker.extend(request),
  openSession: (session, leaseMs) => broker.openSession(session, leaseMs),
  closeSession: (session) => broker.closeSession(session),
})

const ownFrames = (call: FetchCall): FetchCall => {
  const delivered = call.delivered.then((runs) => runs.map(ownFrame))
  // As with the call's own promises: nobody need be listening.
  delivered.catch(() => {})
  return { settled: call.settled, delivered, cancel: call.cancel }
}

/** `slice` of a Buffer would be a view. */
const ownFrame = (run: DeliveredRun): DeliveredRun => ({ ...run, frame: new Uint8Array(run.frame) })
