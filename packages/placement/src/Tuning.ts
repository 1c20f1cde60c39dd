/**
 * Owns: the thresholds and times of placement, each with its unit. Limits that refuse something
 * are in the model; these only shape decisions.
 */
export const tuning = {
  /** Balance begins when busiest / idlest exceeds this: less is not worth the pauses of moves... */
  spreadBegins: 1.2,
  /** ...and goes on down to this within the round: between the two nothing begins. */
  spreadEnds: 1.1,
  /** A move must leave its target this share below what the busiest node was. */
  gainMin: 0.03,
  /** Work of all shards (as load, without their count) below which a fabric counts as idle. */
  idleLoad: 0.01,
  /** A shard moved for balance is not moved for balance again so soon. */
  shardRestsMs: 60_000,
  /** A move that was refused is not planned again so soon. */
  refusedRestsMs: 5_000,
  /** A node gets load so long after it began to serve; nothing is balanced until then. */
  joinedSettlesMs: 500,
  /** A node that is silent, leaving or joining for longer does not hold up balance any more. */
  unsettledHoldsMs: 10_000,
  /** A node that has begun to start keeps the shards of its name for so long. */
  joiningKeepsMs: 3_000,
  /** The very first table waits so long for nodes that are starting. */
  firstTableWaitsMs: 1_000,
  roundEveryMs: 1_000,
  /** Half-life of the averages that plans are made from. */
  loadHalfLifeMs: 3_000,
  /** Who is next in line claims so much later the token of a silent manager. */
  claimStaggerMs: 100,
  /** A move is judged so long after it was done. */
  judgedAfterMs: 8_000,
  /** p99 is worse when it grew by this factor, and by so many milliseconds. */
  worseP99: 1.5,
  worseP99Ms: 5,
  worseSpread: 1.1,
  /** Traffic that changed by more than this factor forbids a comparison of p99. */
  comparableTraffic: 1.5,
  /** A target that is not warm after so long is given up. */
  warmWithinMs: 60_000,
  /** From parking to the token handed over; the source resumes then. */
  pauseWithinMs: 1_000,
  /** A warm target waits so long for the token before it looks for itself. */
  tokenWithinMs: 3_000,
  /** A shard taken back does not go there again for so long. */
  barredMs: 600_000,
} as const
