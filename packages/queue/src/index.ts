export type * from "./Command.js"
export type * from "./Decision.js"
export type * from "./Event.js"
