/** Driver of Skein itself: a node process, and the Promise API of `@skein/client`. */
import type { System } from "../System.js"

const notBuilt = "not built yet"

export const skein: System = {
  name: "skein",
  durability: "one fdatasync per group commit before the confirm",
  absent: async () => notBuilt,
  unfit: () => undefined,
  version: async () => ({ version: notBuilt }),
  start: async () => {
    throw new Error(`skein: ${notBuilt}`)
  },
}
