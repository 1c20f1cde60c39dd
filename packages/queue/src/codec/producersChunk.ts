/**
 * Owns: the stored form of the producers of one page: `[version, producer, …]`, each `[id, last
 * frame number, last journalMs, results]`, results `[first, count, duplicates, …]`, oldest first.
 */
import { isHex128, limits } from "@skein/model"
import { Producer } from "../state/Producers.js"
import { packTuple, unpackTuple } from "./tuples.js"

const version = 1

export const packProducers = (producers: readonly Producer[]): Uint8Array =>
  packTuple([
    version,
    ...producers.map((producer) => [
      producer.id,
      producer.lastFrame,
      producer.lastMs,
      producer.results.flatMap(({ first, count, duplicates }) => [
        first,
        count,
        duplicates ?? null,
      ]),
    ]),
  ])

/** @throws CodecError */
export const unpackProducers = (bytes: Uint8Array): Producer[] => {
  const fields = unpackTuple("producers", bytes, version)
  const producers: Producer[] = []
  while (fields.left > 0) {
    const tuple = fields.tuple(`producer ${producers.length}`)
    const id = tuple.text("id")
    if (!isHex128(id)) throw tuple.corrupt("id is no 128-bit id")
    const producer = new Producer(id)
    producer.lastFrame = tuple.count("last frame number")
    producer.lastMs = tuple.count("last journalMs")
    const results = tuple.tuple("results")
    while (results.left > 0) {
      const first = results.count("first")
      const count = results.count("count", limits.frameMessagesMax)
      const duplicates = results.optionalBytes("duplicates")
      producer.remember({
        first,
        count,
        ...(duplicates === undefined ? {} : { duplicates: Uint8Array.from(duplicates) }),
      })
    }
    if (producer.results.length > limits.producerResultsMax) throw tuple.corrupt("too many results")
    tuple.end()
    producers.push(producer)
  }
  return producers
}
