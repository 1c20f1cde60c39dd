export type * from "./Admin.js"
export type * from "./Broker.js"
export type * from "./Frame.js"
export type * from "./Settle.js"
