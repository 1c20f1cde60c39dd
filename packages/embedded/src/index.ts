/** Owns: the Promise API of a fabric inside the process; see effect.ts for the Layer. */
export { Fabric } from "./Fabric.js"
export type { EmbeddedOptions } from "./openEmbedded.js"
