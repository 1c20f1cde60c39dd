/**
 * Owns: the keys of every chunk that a checkpoint may hold of a queue whose state is damaged, so
 * that deleting the queue leaves nothing behind.
 */
import type { QueueState } from "@skein/queue"

const producerPages = 16

export const chunkKeys = (state: QueueState): readonly string[] => {
  const { blocks, dedup } = state
  const numbers = (kind: string, of: Iterable<number>) =>
    [...of].map((number) => `q${state.generation}/${kind}${number}`)
  return [
    `q${state.generation}/h`,
    ...numbers("b", [...blocks.byIndex.keys(), ...blocks.gone]),
    ...numbers("p", Array.from({ length: producerPages }).keys()),
    ...numbers("d", [...dedup.chunks.map((chunk) => chunk.number), ...dedup.gone]),
  ]
}
