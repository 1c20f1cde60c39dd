/** The one door to the modules that move with Effect 4. */
export * as NodeContext from "@effect/platform-node/NodeContext"
