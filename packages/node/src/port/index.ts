export * from "./ClientPort.js"
export type { PortEvent, PortLimits } from "./PortHost.js"
