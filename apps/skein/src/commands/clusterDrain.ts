/** Owns: `skein cluster drain NODE`. */
import { type SkeinError, skeinError } from "@skein/model"
import type { ClusterNode } from "@skein/wire"
import { exitCodes } from "../exitCodes.js"
import { safeText } from "../output/safeText.js"
import {
  type CommandContext,
  type Connected,
  isJson,
  type RunCommand,
  writeJson,
} from "./CommandContext.js"
import { confirm } from "./confirm.js"
import { pause } from "./pause.js"

const lookEveryMs = 200

export const run: RunCommand = (context) =>
  context.connected(async (connected) => {
    const { client, call } = connected
    const { invocation, settings, terminal } = context
    const [node = ""] = invocation.args
    const has = (await nodeOf(connected, node))?.shards.length ?? 0
    const target = `drain ${node} (${has} shards) at ${settings.address}`
    if (!(await confirm(context, target))) return exitCodes.failed
    await client.drainNode(node, call)
    const left = invocation.isOn("wait") ? await untilEmpty(context, connected, node) : undefined
    if (isJson(context)) await writeJson(context, { node, draining: true, shards: left ?? has })
    else await terminal.out(`${safeText(node)} is ${left === 0 ? "empty" : "draining"}\n`)
    return undefined
  })

const nodeOf = async (
  { client, call }: Connected,
  name: string,
): Promise<ClusterNode | undefined> =>
  (await client.cluster(call)).nodes.find(({ node }) => node === name)

/** Resolves with 0; rejects with TimedOut. */
const untilEmpty = async (
  { nowMs, settings, signal }: CommandContext,
  connected: Connected,
  node: string,
): Promise<number> => {
  const untilMs = nowMs() + settings.timeout
  for (;;) {
    const left = (await nodeOf(connected, node))?.shards.length ?? 0
    if (left === 0) return 0
    if (nowMs() >= untilMs) throw late(node, left)
    await pause(lookEveryMs, signal)
    signal.throwIfAborted()
  }
}

const late = (node: string, left: number): SkeinError =>
  skeinError("TimedOut", `${node} still has ${left} shards: it goes on draining`, { node })
