export { type BoundCase, conformance } from "./conformance.js"
export { commitModel, modelRecord } from "./JournalSuite.js"
export { encodeEvent, type ModelEvent, ModelTenant } from "./ModelTenant.js"
export {
  type Case,
  type DiskDriver,
  type DriverSet,
  driversOf,
  type JournalDriver,
  type ManagerDriver,
  type Member,
  type MembershipDriver,
  type MoveDriver,
  type OwnershipDriver,
  registerDrivers,
  type TableDriver,
} from "./Suite.js"
