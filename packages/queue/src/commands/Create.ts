/** Owns: the first command of a queue, and the first of every owner. */
import { invariant } from "@skein/model"
import type { Create, Open } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { Created, Opened } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { Leases } from "../state/Leases.js"
import { Sessions } from "../state/Sessions.js"
import { done } from "./decisions.js"

export const decideCreate = (state: QueueState, command: Create): Decision => {
  if (state.life === "present") return done()
  invariant(state.life === "absent", "a generation is used again after its queue was deleted")
  return done([
    { _tag: "Created", name: command.name, policy: command.policy },
    { _tag: "Opened", epoch: command.epoch },
  ])
}

export const evolveCreated = (state: QueueState, event: Created): void => {
  invariant(state.life === "absent", "a queue is created twice")
  state.life = "present"
  state.name = event.name
  state.policy = event.policy
}

export const decideOpen = (state: QueueState, command: Open): Decision => {
  invariant(command.epoch > state.epoch, "a shard is opened under an epoch that is not newer")
  return done([{ _tag: "Opened", epoch: command.epoch }])
}

/** Leases, sessions and waits are gone; what may have been handed out is flagged. */
export const evolveOpened = (state: QueueState, event: Opened): void => {
  invariant(event.epoch > state.epoch, "epochs do not rise")
  state.epoch = event.epoch
  state.sessions = new Sessions()
  state.leases = new Leases(state.blocks)
  state.leases.epoch = event.epoch
  const failures = state.blocks.reopen()
  state.counters.failed += failures
  state.counters.lost += failures
}
