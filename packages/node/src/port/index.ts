export * from "./ClientPort.js"
export * from "./openClientPort.js"
export type { PortEvent, PortLimits } from "./PortHost.js"
