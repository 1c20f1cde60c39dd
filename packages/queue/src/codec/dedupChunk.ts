/**
 * Owns: the stored form of a chunk of dedup ids: `[version, number, ids, times]`: ids 16 bytes
 * each, oldest first; times `[journalMs, how many, …]`.
 */
import { DedupChunk, dedupChunkIds, dedupIdBytes, dedupWords } from "../state/DedupWindow.js"
import { packTuple, unpackTuple } from "./tuples.js"

const version = 1

export const packDedup = (chunk: DedupChunk): Uint8Array => {
  const ids = new Uint8Array(chunk.length * dedupIdBytes)
  const view = new DataView(ids.buffer)
  for (let at = 0; at < chunk.length * 4; at++) view.setUint32(at * 4, chunk.ids[at], true)
  const times: number[] = []
  for (let at = 0; at < chunk.length; at++) {
    if (times.length > 0 && times[times.length - 2] === chunk.times[at]) times[times.length - 1]++
    else times.push(chunk.times[at], 1)
  }
  return packTuple([version, chunk.number, ids, times])
}

/** @throws CodecError */
export const unpackDedup = (bytes: Uint8Array): DedupChunk => {
  const fields = unpackTuple("dedup ids", bytes, version)
  const chunk = new DedupChunk(fields.count("number"))
  const column = fields.bytes("ids")
  const times = fields.tuple("times")
  fields.end()
  if (column.length % dedupIdBytes !== 0 || column.length > dedupChunkIds * dedupIdBytes) {
    throw fields.corrupt("ids do not fit a chunk")
  }
  const ids = dedupWords(column)
  while (times.left > 0) {
    const journalMs = times.count("journalMs")
    for (let left = times.count("how many", dedupChunkIds); left > 0; left--) {
      if (chunk.length * 4 >= ids.length) throw fields.corrupt("more times than ids")
      chunk.push(ids, chunk.length * 4, journalMs)
    }
  }
  if (chunk.length * 4 !== ids.length) throw fields.corrupt("fewer times than ids")
  return chunk
}
