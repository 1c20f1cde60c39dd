/**
 * Owns: how the catalog changes. Never rejects; what cannot have happened is an InvariantViolation.
 */
import { invariant } from "@skein/model"
import type { CatalogEvent } from "./CatalogEvent.js"
import type { CatalogState } from "./CatalogState.js"

export const evolveCatalog = (state: CatalogState, event: CatalogEvent): void => {
  state.soil(event.generation)
  switch (event._tag) {
    case "QueueDeclared": {
      const { name, generation, shard, policy } = event
      invariant(generation === state.nextGeneration, "a generation is not the next one")
      invariant(!state.byName.has(name), "a queue is declared twice")
      state.nextGeneration = generation + 1
      state.insert({ name, generation, shard, policy })
      return
    }
    case "QueueRemoved": {
      const queue = state.byGeneration.get(event.generation)
      invariant(queue !== undefined, "a queue is removed that is not there")
      state.remove(queue)
      state.doom(queue)
      return
    }
    case "QueueBuried": {
      const queue = state.doomed.get(event.generation)
      invariant(queue !== undefined, "a queue is buried that is not doomed")
      state.bury(queue)
    }
  }
}
