/** Every kind of fault; the report names those that were left out, and why. */
import type { Fault, Means } from "../Fault.js"
import { killConsumer, killPublisher } from "./clientFaults.js"
import { stepClock } from "./clockFaults.js"
import { drainNode, moveShard } from "./moveFaults.js"
import {
  cutClients,
  delayClients,
  halfOpenClients,
  holeClients,
  isolateNode,
  tearFrames,
} from "./networkFaults.js"
import { killNode, pauseNode, restartNode } from "./nodeFaults.js"

const faults: ReadonlyArray<Fault> = [
  killNode,
  restartNode,
  pauseNode,
  killConsumer,
  killPublisher,
  cutClients,
  holeClients,
  halfOpenClients,
  delayClients,
  tearFrames,
  isolateNode,
  stepClock,
  moveShard,
  drainNode,
]

/** Kinds that are named and not built: what each of them waits for. */
const notBuilt: ReadonlyArray<LeftOut> = [
  { name: "partition-nodes", reason: "node from node alone needs namespaces with nft" },
  { name: "full-disk", reason: "needs a file system of its own; tested in fullDisk.test.ts" },
]

export interface LeftOut {
  readonly name: string
  readonly reason: string
}

/** The faults that can be done here, of those asked for; throws if a name is unknown. */
export const chooseFaults = (
  asked: ReadonlyArray<string> | undefined,
  means: Means,
): { readonly chosen: ReadonlyArray<Fault>; readonly leftOut: ReadonlyArray<LeftOut> } => {
  const known = [...faults, ...notBuilt].map(({ name }) => name)
  for (const name of asked ?? []) {
    if (!known.includes(name)) throw new Error(`no fault ${name}; there are ${known.join(", ")}`)
  }
  const isAsked = ({ name }: { readonly name: string }): boolean => asked?.includes(name) ?? true
  const leftOut: Array<LeftOut> = []
  const chosen = faults.filter(isAsked).filter((fault) => {
    const reason = fault.probe(means)
    if (reason !== undefined) leftOut.push({ name: fault.name, reason })
    return reason === undefined
  })
  return { chosen, leftOut: [...leftOut, ...notBuilt.filter(isAsked)] }
}
