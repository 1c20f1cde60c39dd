/**
 * Owns: the stored form of a queue's head: `[version, generation, name, policy, epoch, next,
 * counters, first dedup slot, digest]`, counters in the order of `counterNames`.
 */
import type { Generation } from "@skein/model"
import { digest } from "../digest.js"
import { QueueState } from "../QueueState.js"
import { counterNames } from "../state/Counters.js"
import { packPolicy, readPolicy } from "./policyCodec.js"
import { packTuple, unpackTuple } from "./tuples.js"

const version = 1

export const packHead = (state: QueueState): Uint8Array =>
  packTuple([
    version,
    state.generation,
    state.name,
    packPolicy(state.policy),
    state.epoch,
    state.next,
    counterNames.map((name) => state.counters[name]),
    state.dedup.head,
    digest(state),
  ])

/** A state with its head only, and the digest that it must have when all is there. */
export const unpackHead = (
  generation: Generation,
  bytes: Uint8Array,
): { readonly state: QueueState; readonly digest: string } => {
  const fields = unpackTuple(`head of queue ${generation}`, bytes, version)
  if (fields.count("generation") !== generation) throw fields.corrupt("belongs to another queue")
  const state = new QueueState(generation)
  state.life = "present"
  state.name = fields.text("name")
  state.policy = readPolicy(fields.tuple("policy"))
  state.epoch = fields.count("epoch")
  state.next = fields.count("next")
  const counters = fields.tuple("counters")
  for (const name of counterNames) state.counters[name] = counters.count(name)
  state.dedup.head = fields.count("first dedup slot")
  state.dedup.next = state.dedup.head
  const expected = fields.text("digest")
  fields.end()
  return { state, digest: expected }
}
