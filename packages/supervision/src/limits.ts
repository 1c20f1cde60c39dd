/**
 * Owns: the bounds of a supervision tree and the defaults of its settings, each with its unit in
 * its name. Must not know: what the children do.
 */
export const supervisionLimits = {
  /** Children of one supervisor, the ended ones included. */
  childrenPerSupervisorMax: 100_000,
  childNameCharsMax: 512,
  /** The longest restart history that one supervisor keeps. */
  restartsMax: 10_000,
  restartsDefault: 5,
  restartWindowDefaultMs: 10_000,
  backoffFirstDefaultMs: 100,
  backoffDefaultMaxMs: 5_000,
  stopDefaultTimeoutMs: 5_000,
  /** Events kept for a slow subscriber; older ones are dropped first. */
  eventsBufferedMax: 256,
  /** Length of a cause in the tree and in events. */
  causeCharsMax: 200,
  /** Children per supervisor that a snapshot shows; the rest is counted. */
  snapshotChildrenMax: 1_000,
} as const
