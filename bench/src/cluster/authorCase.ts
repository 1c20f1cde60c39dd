/** What became of all messages of a run: one row of the table. Pure. */
import { sumOf } from "../load/Ledger.js"
import type { CaseResult } from "./ClusterScenario.js"
import type { StreamAudit } from "./StreamSpec.js"

export const authorCase = (audits: readonly StreamAudit[]): CaseResult => {
  const { confirmed, lost, wrong, repeated } = sumOf(audits)
  const errors = audits.reduce((total, audit) => total + audit.errors, 0)
  return { name: "all messages", facts: { confirmed, errors, lost, wrong, repeated } }
}
