/**
 * Owns: what is known of the settles in one block, as a chunk: `[version, ordinal, offset, count,
 * epoch, attempt, …]`, four for each run of messages that were settled under one tag. Epoch 0: they
 * were purged.
 */
import { limits } from "@skein/model"
import { isSame, SettledBlock, type Tag, tagsMax } from "../state/Settlers.js"
import { type Fields, packTuple, unpackTuple } from "./tuples.js"

const version = 1
const { blockMessages } = limits

export const packSettlers = (block: SettledBlock): Uint8Array => {
  const { places } = block
  const runs: number[] = []
  for (let at = 0; at < blockMessages; ) {
    const tag = block.at(at)
    let end = at + 1
    while (end < blockMessages && places[end] === places[at]) end++
    if (tag !== undefined) runs.push(at, end - at, tag.epoch, tag.attempt)
    at = end
  }
  return packTuple([version, block.ordinal, ...runs])
}

/** @throws SkeinError ShardCorrupt, VersionUnsupported */
export const unpackSettlers = (bytes: Uint8Array): SettledBlock => {
  const fields = unpackTuple("settlers", bytes, version)
  const block = new SettledBlock(fields.count("ordinal"))
  while (fields.left > 0) {
    const offset = fields.count("offset", blockMessages - 1)
    const count = fields.count("count", blockMessages - offset)
    const tag = { epoch: fields.count("epoch"), attempt: fields.count("attempt") }
    block.places.fill(placeOf(block, tag, fields), offset, offset + count)
  }
  return block
}

const placeOf = ({ tags }: SettledBlock, tag: Tag, fields: Fields): number => {
  const known = tags.findIndex((each) => isSame(each, tag))
  if (known >= 0) return known + 1
  if (tags.length === tagsMax) throw fields.corrupt("more tags than a block can have")
  return tags.push(tag)
}
