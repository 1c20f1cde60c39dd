/**
 * Owns: the wait of a node that leaves, while its shards go to the others by planned moves: it ends
 * when the table gives this node nothing, when nobody is left who could take them (all nodes of a
 * fabric are stopped together), or when the time is over: what is left is taken over then.
 * Must not know: who moves them, what is stopped afterwards.
 */
import type { Clock } from "@skein/model"
import { shardsOf } from "@skein/placement"
import type { FabricMap } from "../FabricMap.js"

/** `moved`: all shards; `alone`: nobody can take them. */
export type HandedOn = "alone" | "late" | "moved"

/** This node has said that it leaves. */
export const handedOn = (
  fabric: Pick<FabricMap, "nodes" | "onChange" | "self" | "table">,
  clock: Pick<Clock, "setTimer">,
  withinMs: number,
): Promise<HandedOn> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (shardsOf(fabric.table(), fabric.self).length === 0) end("moved")
      else if (!canTake(fabric)) end("alone")
    }
    const end = (how: HandedOn): void => {
      disarm()
      forget()
      resolve(how)
    }
    const disarm = clock.setTimer(withinMs, () => end("late"))
    const forget = fabric.onChange(look)
    look()
  })

const canTake = ({ nodes, self, table }: Pick<FabricMap, "nodes" | "self" | "table">): boolean =>
  nodes().some(
    ({ node, silent, state }) =>
      node !== self && !silent && state === "serving" && !table().draining.includes(node),
  )
