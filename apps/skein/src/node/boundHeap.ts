/**
 * Owns: how far V8 lets the heap of a node grow between collections. By itself it lets a heap of
 * 40 MiB grow to 160 MiB of garbage on a machine with much memory: after 10,000 queues were
 * declared the node held 180 MB more, of which 40 were in use.
 */
import { setFlagsFromString } from "node:v8"

/** Per cent of what is in use. */
const growthPercent = 100

export const boundHeap = (): void => setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
