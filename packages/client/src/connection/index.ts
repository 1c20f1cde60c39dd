export type { CallOptions } from "./Calls.js"
export type { Connection, ConnectionAdmin, ConnectionBroker, EngineLine } from "./Connection.js"
export { type ConnectOptions, connectFabric } from "./connectFabric.js"
