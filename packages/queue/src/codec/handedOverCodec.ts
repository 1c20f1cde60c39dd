/**
 * Owns: the stored form of a hand-over's event: its fields behind generation and tag.
 *
 * ```
 *   part, digest, [session, …], [lease, …]
 *   session   id, answered max, answered bits, lease ms, remaining ms
 *   lease     session id, fetch number, epoch, remaining ms, ranges
 * ```
 */
import { isHex128, limits, type SessionId } from "@skein/model"
import type { HandedOver, LeaseHanded, SessionHanded } from "../Event.js"
import type { Fields } from "./tuples.js"

export const packHandedOver = (event: HandedOver): readonly unknown[] => [
  event.part,
  event.digest,
  event.sessions.map((one) => [
    one.session,
    one.answeredMax,
    one.answeredBits,
    one.leaseMs,
    one.remainingMs,
  ]),
  event.leases.map((one) => [one.session, one.fetchNumber, one.epoch, one.remainingMs, one.ranges]),
]

export const readHandedOver = (fields: Fields): HandedOver => {
  const part = fields.count("part")
  const digest = fields.text("digest")
  const sessions: SessionHanded[] = []
  const leases: LeaseHanded[] = []
  for (const all = fields.tuple("sessions"); all.left > 0; ) sessions.push(readSession(all))
  for (const all = fields.tuple("leases"); all.left > 0; ) leases.push(readLease(all))
  return { _tag: "HandedOver", part, digest, sessions, leases }
}

const readSession = (all: Fields): SessionHanded => {
  const fields = all.tuple("session")
  const session = readId(fields)
  const answeredMax = fields.count("answeredMax")
  const answeredBits = fields.count("answeredBits", 0xffff_ffff)
  const leaseMs = fields.count("leaseMs", limits.leaseMaxMs)
  const remainingMs = fields.count("remainingMs", limits.leaseMaxMs)
  fields.end()
  return { session, answeredMax, answeredBits, leaseMs, remainingMs }
}

const readLease = (all: Fields): LeaseHanded => {
  const fields = all.tuple("lease")
  const session = readId(fields)
  const fetchNumber = fields.count("fetchNumber")
  const epoch = fields.count("epoch")
  const remainingMs = fields.count("remainingMs")
  const ranges = fields.ranges("ranges")
  fields.end()
  return { session, fetchNumber, epoch, remainingMs, ranges }
}

const readId = (fields: Fields): SessionId => {
  const session = fields.text("session")
  if (!isHex128(session)) throw fields.corrupt("session is no 128-bit id")
  return session
}
