/**
 * Owns: how the events of several actors share one record of a shard. Little-endian, repeated:
 * generation f64, kind u8 (0 events, 1 the actor is deleted), length u32, that many bytes.
 */
import { type Generation, invariant } from "@skein/model"

const headBytes = 13

export interface Section {
  readonly generation: Generation
  readonly deleted: boolean
  readonly events: Uint8Array
}

export const encodeSections = (sections: readonly Section[]): Uint8Array => {
  let size = 0
  for (const section of sections) size += headBytes + section.events.length
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const section of sections) {
    view.setFloat64(at, section.generation, true)
    view.setUint8(at + 8, section.deleted ? 1 : 0)
    view.setUint32(at + 9, section.events.length, true)
    bytes.set(section.events, at + headBytes)
    at += headBytes + section.events.length
  }
  return bytes
}

/** The record's CRC was checked before: what does not parse here is a defect of ours. */
export const decodeSections = (bytes: Uint8Array): readonly Section[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sections: Section[] = []
  let at = 0
  while (at < bytes.length) {
    invariant(at + headBytes <= bytes.length, "a record's section is cut")
    const end = at + headBytes + view.getUint32(at + 9, true)
    const kind = view.getUint8(at + 8)
    invariant(end <= bytes.length && kind <= 1, "a record's section has a bad length or kind")
    sections.push({
      generation: view.getFloat64(at, true),
      deleted: kind === 1,
      events: bytes.subarray(at + headBytes, end),
    })
    at = end
  }
  return sections
}
