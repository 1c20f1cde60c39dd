/**
 * Owns: all suites over one driver, as plain named functions for any test runner. A driver set says
 * what it implements; a name that nobody registered throws.
 */
import { diskSuite } from "./DiskSuite.js"
import { journalSuite } from "./JournalSuite.js"
import { membershipSuite } from "./MembershipSuite.js"
import { moveSuite } from "./MoveSuite.js"
import { ownershipSuite } from "./OwnershipSuite.js"
import { type Case, driversOf } from "./Suite.js"
import { managerSuite, tableSuite } from "./TableSuite.js"

export interface BoundCase {
  readonly name: string
  readonly run: () => Promise<void>
}

interface Disposable {
  readonly dispose: () => Promise<void>
}

/** Every case that applies to the driver of that name. */
export const conformance = (driver: string): readonly BoundCase[] => {
  const { disk, ownership, journal, moves, membership, tables, manager } = driversOf(driver)
  const cases = [
    ...bind("disk", diskSuite, disk),
    ...bind("ownership", ownershipSuite, ownership),
    ...bind("journal", journalSuite, journal),
    ...bind("moves", moveSuite, moves),
    ...bind("membership", membershipSuite, membership),
    ...bind("tables", tableSuite, tables),
    ...bind("manager", managerSuite, manager),
  ]
  if (cases.length === 0) throw new Error(`the driver ${JSON.stringify(driver)} implements nothing`)
  return cases
}

const bind = <Driver extends Disposable>(
  suite: string,
  cases: readonly Case<Driver>[],
  make: (() => Promise<Driver>) | undefined,
): readonly BoundCase[] =>
  make === undefined
    ? []
    : cases.map(({ name, run }) => ({
        name: `${suite}: ${name}`,
        run: async () => {
          const driver = await make()
          try {
            await run(driver)
          } finally {
            await driver.dispose()
          }
        },
      }))
