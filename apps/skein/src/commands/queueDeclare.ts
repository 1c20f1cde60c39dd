/** Owns: `skein queue declare`. */
import type { QueuePolicyInput } from "@skein/model"
import type { Invocation } from "../arguments/Invocation.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { queueFacts } from "./queueFacts.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const { invocation, terminal } = context
    const [name = ""] = invocation.args
    const info = await client.declare(name, policyOf(invocation), call)
    if (isJson(context)) await writeJson(context, info)
    else await terminal.out(queueFacts(terminal, info))
    return undefined
  })

const policyOf = (invocation: Invocation): QueuePolicyInput => {
  const policy: Record<string, number> = {}
  for (const [key, option] of Object.entries(optionOf)) {
    const value = invocation.number(option)
    if (value !== undefined) policy[key] = value
  }
  return policy
}

const optionOf = {
  leaseMs: "lease",
  dedupWindowMs: "dedup-window",
  messagesMax: "messages-max",
  bytesMax: "bytes-max",
  bodyBytesMax: "body-bytes-max",
} as const satisfies Record<keyof QueuePolicyInput, string>
