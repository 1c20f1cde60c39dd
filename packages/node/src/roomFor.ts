/** Owns: how many bytes of the journal a decision may need, at most. */
import { type Event, type HandedOver, isDurable } from "@skein/queue"

/** Tag, generation and the numbers of an event. */
const eventBytes = 96
/** A number in msgpack. */
const numberBytes = 9
/** UTF-8 of one UTF-16 unit. */
const unitBytes = 3

/** 0 when nothing is journaled. The frame of a publish is counted with its event. */
export const roomFor = (events: readonly Event[]): number => {
  let bytes = 0
  for (const event of events) if (isDurable(event)) bytes += eventBytes + extraBytes(event)
  return bytes
}

const extraBytes = (event: Event): number => {
  switch (event._tag) {
    case "FramePublished":
      return event.bytes + (event.dedup?.length ?? 0) + (event.duplicates?.length ?? 0)
    case "Ended":
    case "MessagesPurged":
    case "Redelivered":
      return event.ranges.length * numberBytes
    case "HandedOver":
      return handedBytes(event)
    case "Created":
      return event.name.length * unitBytes
    default:
      return 0
  }
}

/** A session's id and its numbers. */
const sessionBytes = 96

const handedBytes = ({ sessions, leases }: HandedOver): number => {
  let bytes = (sessions.length + leases.length) * sessionBytes
  for (const { ranges } of leases) bytes += ranges.length * numberBytes
  return bytes
}
