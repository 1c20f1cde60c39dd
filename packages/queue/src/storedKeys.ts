/**
 * Owns: the keys of every chunk that a checkpoint may hold of a queue, also when its state is
 * damaged, so that deleting the queue leaves nothing behind.
 */
import type { QueueState } from "./QueueState.js"
import { producerPages } from "./state/Producers.js"

/** Some of them may never have been stored. */
export const storedKeys = (state: QueueState): readonly string[] => {
  const { blocks, dedup, settlers } = state
  const numbers = (kind: string, of: Iterable<number>) =>
    [...of].map((number) => `q${state.generation}/${kind}${number}`)
  return [
    `q${state.generation}/h`,
    ...numbers("b", [...blocks.byIndex.keys(), ...blocks.gone]),
    ...numbers("p", Array.from({ length: producerPages }).keys()),
    ...numbers("d", [...dedup.chunks.map((chunk) => chunk.number), ...dedup.gone]),
    ...numbers("s", [...settlers.blocks.keys(), ...settlers.gone]),
  ]
}
