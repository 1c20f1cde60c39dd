/**
 * Owns: what a conformance suite is: named cases over a driver, free of any test runner, and the
 * registry in which drivers are found. An unknown name throws, so that no run passes by testing
 * nothing.
 */
import type { Clock, InstanceId } from "@skein/model"
import type { Disk } from "../Disk.js"
import type { Journal } from "../Journal.js"
import type { Membership } from "../Membership.js"
import type { Ownership } from "../Ownership.js"
import type { ManagerToken, TableStore } from "../TableStore.js"

export interface Case<Driver> {
  readonly name: string
  readonly run: (driver: Driver) => Promise<void>
}

/** A place where a journal can be opened, closed, killed and opened again. */
export interface JournalDriver {
  /** Opens a journal as a new process would. The one before is closed or killed first. */
  readonly open: () => Promise<Journal>
  /** Forgets a journal without any goodbye, as kill -9 would. */
  readonly kill: (journal: Journal) => Promise<void>
  /** Opens a second journal beside the first, as a process that takes over would. */
  readonly rival: () => Promise<Journal>
  /** Removes everything. */
  readonly dispose: () => Promise<void>
}

/** Journals that live on beside each other in one fabric. */
export interface MoveDriver {
  readonly open: () => Promise<Journal & { readonly instance: InstanceId }>
  /** As kill -9 would. */
  readonly kill: (journal: Journal) => Promise<void>
  /** Lets the journal make room, as it would from time to time. */
  readonly clean: (journal: Journal) => Promise<void>
  readonly dispose: () => Promise<void>
}

/** Two contenders for the same shards. */
export interface OwnershipDriver {
  readonly contender: () => Promise<Ownership>
  readonly dispose: () => Promise<void>
}

export interface DiskDriver {
  readonly disk: Disk
  /** An existing directory for the case's own use. */
  readonly directory: string
  readonly dispose: () => Promise<void>
}

/** A node that a case lets live and die. */
export interface Member {
  readonly membership: Membership
  /** As SIGSTOP does. */
  readonly pause: () => Promise<void>
  readonly resume: () => Promise<void>
  /** As SIGKILL does. */
  readonly kill: () => Promise<void>
  /** Goes with a goodbye. */
  readonly leave: () => Promise<void>
}

export interface MembershipDriver {
  readonly join: (node: string) => Promise<Member>
  /** Lets some time go by for all members; a case looks again after each. */
  readonly pass: () => Promise<void>
  readonly dispose: () => Promise<void>
}

export interface TableDriver {
  /** Another node's view of the same table. */
  readonly store: () => Promise<TableStore>
  readonly pass: () => Promise<void>
  readonly dispose: () => Promise<void>
}

export interface ManagerDriver {
  readonly contender: () => Promise<{
    readonly token: ManagerToken
    readonly instance: InstanceId
  }>
  readonly dispose: () => Promise<void>
}

export interface DriverSet {
  readonly journal?: () => Promise<JournalDriver>
  readonly moves?: () => Promise<MoveDriver>
  readonly ownership?: () => Promise<OwnershipDriver>
  readonly disk?: () => Promise<DiskDriver>
  readonly membership?: () => Promise<MembershipDriver>
  readonly tables?: () => Promise<TableDriver>
  readonly manager?: () => Promise<ManagerDriver>
  readonly clock?: () => Clock
}

const registry = new Map<string, DriverSet>()

/** Makes a driver known under a name. */
export const registerDrivers = (name: string, drivers: DriverSet): void => {
  registry.set(name, drivers)
}

/** The drivers of that name; throws when nobody registered it. */
export const driversOf = (name: string): DriverSet => {
  const drivers = registry.get(name)
  if (drivers !== undefined) return drivers
  const known = [...registry.keys()].join(", ")
  throw new Error(`no driver is registered as ${JSON.stringify(name)}; known: ${known}`)
}
