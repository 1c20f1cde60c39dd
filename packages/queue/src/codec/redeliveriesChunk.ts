/**
 * Owns: what is known of redeliveries in one block, as a chunk: `[version, offset, count, epoch,
 * …]`, a triple for each run of messages that were last handed out again under one epoch.
 */
import { limits } from "@skein/model"
import { packTuple, unpackTuple } from "./tuples.js"

const version = 1

export const packRedeliveries = (epochs: Uint32Array): Uint8Array => {
  const runs: number[] = []
  for (let at = 0; at < epochs.length; at++) {
    if (epochs[at] === 0) continue
    let end = at + 1
    while (end < epochs.length && epochs[end] === epochs[at]) end++
    runs.push(at, end - at, epochs[at])
    at = end - 1
  }
  return packTuple([version, ...runs])
}

/** @throws SkeinError ShardCorrupt, VersionUnsupported */
export const unpackRedeliveries = (bytes: Uint8Array): Uint32Array => {
  const fields = unpackTuple("redeliveries", bytes, version)
  const epochs = new Uint32Array(limits.blockMessages)
  while (fields.left > 0) {
    const offset = fields.count("offset", limits.blockMessages - 1)
    const count = fields.count("count", limits.blockMessages - offset)
    epochs.fill(fields.count("epoch", 0xffff_ffff), offset, offset + count)
  }
  return epochs
}
