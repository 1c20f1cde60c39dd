/**
 * Owns: which part of the core answers which command. Decides, never mutates: what is to change is
 * in the events of the decision, for `evolve`.
 */
import { invariant, type Now, skeinError } from "@skein/model"
import type { Command } from "./Command.js"
import { decideCreate, decideOpen } from "./commands/Create.js"
import { decideDelete } from "./commands/Delete.js"
import { decideDeliver } from "./commands/Deliver.js"
import { refuse } from "./commands/decisions.js"
import { decideEndSession } from "./commands/EndSession.js"
import { decideExtend } from "./commands/Extend.js"
import { decideCancelFetch, decideFetch } from "./commands/Fetch.js"
import { decideHandOver } from "./commands/HandOver.js"
import { decidePeek } from "./commands/Peek.js"
import { decidePublish } from "./commands/Publish.js"
import { decidePurge } from "./commands/Purge.js"
import { decideReceive } from "./commands/Receive.js"
import { decideSettle } from "./commands/Settle.js"
import { decideTick } from "./commands/Tick.js"
import type { Decision } from "./Decision.js"
import type { QueueState } from "./QueueState.js"

/** What the queue answers to `command` at `now`. A decision that throws has changed nothing. */
export const decide = (state: QueueState, command: Command, now: Now): Decision => {
  if (command._tag === "Create") return decideCreate(state, command)
  if (command._tag === "Delete") return decideDelete(state)
  if (state.life !== "present") {
    return refuse(skeinError("QueueNotFound", `queue ${state.generation} is ${state.life}`))
  }
  if (command._tag === "Open") return decideOpen(state, command)
  if (command._tag === "Receive") return decideReceive(state, command, now)
  invariant(state.epoch > 0, "a queue is used before its owner opened it")
  switch (command._tag) {
    case "Publish":
      return decidePublish(state, command, now)
    case "Fetch":
      return decideFetch(state, command, now)
    case "Settle":
      return decideSettle(state, command)
    case "Deliver":
      return decideDeliver(state, now)
    case "Extend":
      return decideExtend(state, command, now)
    case "CancelFetch":
      return decideCancelFetch(state, command)
    case "HandOver":
      return decideHandOver(state, command, now)
    case "EndSession":
      return decideEndSession(state, command)
    case "Purge":
      return decidePurge(state, command)
    case "Peek":
      return decidePeek(state, command)
    case "Tick":
      return decideTick(state, command, now)
  }
}
