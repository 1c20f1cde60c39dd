export * from "./Disk.js"
export * from "./Journal.js"
export * from "./Ownership.js"
