/**
 * Owns: the names of the steps of a commit, a takeover and a planned move at which a test may have
 * a process stand still, in the order in which they are taken, and the port that is told of them.
 * Told per commit, takeover and move, never per message. Off in every build: whoever wants one
 * gives a driver of the port, which the `skein` command does only under a test-only setting.
 * Must not know: what is done at a failpoint.
 */

export const failpoints = {
  /** Of the owner, in turn; a commit holds records of several shards. */
  commit: [
    /** Its records are gathered, nothing of them is written. */
    "commit.gathered",
    /** Written to the log, not synced. */
    "commit.written",
    /** Durable; no token was looked at. */
    "commit.synced",
    /** Each token was seen; nobody was answered. */
    "commit.checked",
    /** Everybody was answered; nothing of that has left the process yet. */
    "commit.answered",
  ],
  /** Of the one that takes a shard from its former owner. */
  takeover: [
    /** The note of the claim is durable; the token is where it was. */
    "takeover.noted",
    /** The token is taken, its new name not durable. */
    "takeover.renamed",
    /** The token is taken for good; nothing was read. */
    "takeover.taken",
    /** What former owners left was read; nothing is written. */
    "takeover.read",
    /** Copies and seal are written, not synced. */
    "takeover.written",
    /** The seal is durable; the token was not looked at since. */
    "takeover.synced",
    /** The token was seen after the seal; nothing was replayed. */
    "takeover.checked",
    /** The first record of the new epoch is confirmed; the shard is about to serve. */
    "takeover.opened",
  ],
  move: [
    // Of the source.
    /** Nothing is decided any more, the commit in flight is answered. */
    "move.parked",
    /** The Handover record is durable and the token was seen. */
    "move.sealed",
    /** The note in the target's name is durable; the token is where it was. */
    "move.noted",
    /** The token is the target's, its new name not durable. */
    "move.renamed",
    /** The token is the target's for good; nobody was told. */
    "move.handed",
    /** The target is told; callers were not answered. */
    "move.told",
    /** Callers were answered Moved; the manager was not. */
    "move.answered",
    // Of the target.
    /** It reads along, and says that it is ready. */
    "move.followed",
    /** The token has come; the tail was not read. */
    "move.came",
    /** The tail was read to the end that the source has named; nothing is written. */
    "move.read",
    /** The seal is written, not synced. */
    "move.written",
    /** The seal is durable; the token was not looked at since. */
    "move.synced",
    /** The token was seen after the seal; nothing of the new epoch is decided. */
    "move.checked",
    /** The first record of the new epoch is confirmed; the shard is about to serve. */
    "move.opened",
  ],
} as const

export type FailpointPhase = keyof typeof failpoints
export type Failpoint = (typeof failpoints)[FailpointPhase][number]

export interface Failpoints {
  /** The process has come to this step. Returns when it may go on. */
  readonly hit: (at: Failpoint) => void
}

/** A process that stands still nowhere. */
export const noFailpoints: Failpoints = { hit: () => {} }
