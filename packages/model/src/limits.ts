/**
 * Owns: every limit of the fabric, in one place, each finite, each with its unit in its name.
 * What exceeds one of them gets a typed error that names it. `skein node status` shows them.
 */

const KiB = 1024
const MiB = 1024 * KiB

export const limits = {
  // Names and settings
  queueNameBytesMax: 255,
  queuesPerFabricMax: 1_000_000,
  shardsDefault: 64,
  shardsMax: 1024,

  // Frames and bodies
  frameMessagesMax: 4096,
  frameBytesAim: 256 * KiB,
  frameBytesMax: 9 * MiB,
  bodyBytesDefault: 1 * MiB,
  bodyBytesMax: 8 * MiB,
  keyBytesMax: 1024,
  /** One less than 64 KiB: its length is a u16 in the frame. */
  headersBytesMax: 64 * KiB - 1,

  // The wire
  envelopeBytesMax: 10 * MiB,
  /** The largest envelope taken before the hello is accepted. */
  helloBytesMax: 4 * KiB,
  helloWithinMs: 5_000,
  /** An envelope once begun is complete within so long, else its connection is closed. */
  envelopeWithinMs: 30_000,
  /** A connection is closed when nothing was read from it for so long; clients ping when idle. */
  idleWithinMs: 60_000,
  pingEveryMs: 15_000,
  pingWithinMs: 10_000,
  /** How long a refused connection is still read (and dropped) so that it sees the error. */
  lingerMs: 1_000,
  /** Of the 5 s that a node has to end, so that its shards still get half. */
  drainWithinMs: 2_500,
  msgpackDepthMax: 32,
  connectionsPerNodeMax: 4096,
  /** Bytes of requests accepted and not yet answered; reading pauses beyond. */
  inFlightBytesPerConnectionMax: 32 * MiB,
  inFlightBytesPerNodeMax: 256 * MiB,
  /** Bytes of envelopes begun and not complete, of all connections; the oldest is closed beyond. */
  partialBytesPerNodeMax: 256 * MiB,
  /** Answers that the peer has not taken: beyond, its requests are not read. */
  unsentBytesPauseAt: 4 * MiB,
  /** Beyond, it is closed: so much that many fetches answered at once stay below it. */
  unsentBytesPerConnectionMax: 256 * MiB,
  /** Of all connections; the one with the most is closed beyond. */
  unsentBytesPerNodeMax: 512 * MiB,
  /**
   * Answers being prepared, as estimated when their requests are taken; beyond, peeks and lists
   * wait for their turn and fetches are given less at once.
   */
  answerBytesPerConnectionMax: 64 * MiB,
  answerBytesPerNodeMax: 512 * MiB,
  requestsInFlightPerConnectionMax: 4096,
  sessionsPerConnectionMax: 256,
  sessionsPerNodeMax: 65_536,
  /** When a node has its most, a session that was silent for so long makes room for a new one. */
  sessionSilentAfterMs: 120_000,
  listPageRowsMax: 10_000,

  // Producers and deduplication
  publishFramesInFlightMax: 8,
  producersPerQueueMax: 10_000,
  producerResultsMax: 16,
  producerForgottenAfterMs: 3_600_000,
  unconfirmedAfterMs: 120_000,
  dedupWindowDefaultMs: 600_000,
  dedupWindowMaxMs: 86_400_000,
  dedupIdsPerQueueMax: 1_000_000,

  // Queues
  blockMessages: 4096,
  messagesPerQueueDefault: 50_000_000,
  messagesPerQueueMax: 1_000_000_000,
  bytesPerQueueDefault: 64 * 1024 * MiB,
  bytesPerQueueMax: 1024 * 1024 * MiB,
  leaseDefaultMs: 30_000,
  leaseMinMs: 1_000,
  leaseMaxMs: 12 * 3_600_000,
  sessionLeaseDefaultMs: 30_000,
  sessionsPerQueueMax: 4096,
  leasedPerSessionMax: 65_536,
  fetchMessagesMax: 4096,
  fetchBytesMax: 4 * MiB,
  fetchWaitMaxMs: 30_000,
  fetchesInFlightPerSessionMax: 16,
  settleRangesMax: 8192,
  settlesPerRequestMax: 1024,
  peekMessagesMax: 1000,
  /** Ranges that the events of one decision name: beyond, it is done in parts, or refused. */
  eventRangesMax: 65_536,

  // The actor's batch
  batchBytesMax: 4 * MiB,
  batchWorkMaxMs: 20,
  mailboxBytesMax: 32 * MiB,
  mailboxCommandsMax: 16_384,

  // The journal
  logSegmentBytes: 32 * MiB,
  logUncleanedBytesMax: 128 * MiB,
  checkpointEveryBytes: 16 * MiB,
  recordBytesMax: 16 * MiB,
  bodyCacheBytesMax: 48 * MiB,
  readAheadBytes: 256 * KiB,

  // The cluster
  nodesMax: 256,
  /** How often a node tries to bind the bootstrap address. */
  bootstrapEveryMs: 200,
  /** A peer's control calls that are not answered yet. */
  peerCallsMax: 4096,
  peerCallBytesMax: 32 * MiB,
  nodeNameBytesMax: 64,
  tableBytesMax: 1 * MiB,
  /** A longer reason of the manager is cut. */
  reasonCharactersMax: 400,
  movesPerRoundMax: 8,
  movesAtOnceMax: 2,
  /** A planned move is put off while its target is further behind than this. */
  moveBehindBytesMax: 1 * MiB,
  /** How long a node keeps requests for a shard that is on its way to it. */
  parkedMs: 1_000,
  /** The manager looks for itself how a move ended that nobody told the end of by then. */
  moveWithinMs: 70_000,
  /** Of the shards that a node gave up, so many are told to the others. */
  givenUpToldMax: 32,
  /** A node that stops waits so long for its shards to go to others by planned moves. */
  leaveWithinMs: 3_000,
  /** A lease that came along in a planned move lasts at least so long there. */
  movedLeaseMinMs: 5_000,
  parkedRequestsMax: 16_384,
  loadSampleEveryMs: 1_000,
  /** What a manager remembers of its decisions. */
  decisionsKept: 1_000,
  /** How long a call to another node may take; a move that was asked for may take longer. */
  nodeCallWithinMs: 5_000,
  moveCallWithinMs: 60_000,
  /** How long a call waits for a manager while there is none. */
  managerWithinMs: 3_000,
  clientRowsMax: 1_000,
  queueUsesPerConnectionMax: 16,

  // Backups
  /** What one answer of a backup holds; one frame or chunk that is larger goes alone. */
  backupPageBytes: 1 * MiB,
  backupPageFramesMax: 4096,
  /** Frames that died since the cut and were not read yet: beyond, the cut is given up. */
  backupHeldFramesMax: 262_144,
  /** A cut that nobody reads from for so long is given up. */
  backupIdleMs: 30_000,
  /** How often one shard's backup is begun again before the command gives up. */
  backupAttemptsMax: 20,

  // Liveness on one host
  aliveEveryMs: 150,
  silenceAfterMs: 600,
} as const

export type Limits = typeof limits
