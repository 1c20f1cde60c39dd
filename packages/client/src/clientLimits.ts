/** Owns: the bounds of the library that are no business of a node. Units in the names. */

const KiB = 1024
const MiB = 1024 * KiB

export const clientLimits = {
  /** Default of every call's `timeoutMs`. */
  callTimeoutDefaultMs: 30_000,
  callTimeoutMaxMs: 24 * 3_600_000,
  controlRetryDelayMinMs: 10,
  controlRetryDelayMaxMs: 1_000,

  // Link
  connectTimeoutDefaultMs: 10_000,
  reconnectDelayMinMs: 20,
  reconnectDelayMaxMs: 500,
  /** A connection that lasted so long was a good one: the next backoff starts from the minimum. */
  connectionGoodAfterMs: 5_000,

  // Shards, of a fabric of several nodes
  /** Opening a connection to any node: the next one is tried when one is silent for so long. */
  connectStaggerMs: 150,
  /** Nodes that name each other are followed so often at once, then with a backoff. */
  shardHopsMax: 2,
  shardRetryDelayMinMs: 10,
  shardRetryDelayMaxMs: 100,
  /** A takeover takes a second or two: so many retries are quick, later ones are not. */
  shardRetriesSoon: 30,
  shardRetryLateDelayMaxMs: 500,
  /** A link to a node that no map names and nobody uses is closed after so long. */
  needlessLinkMs: 1_000,
  /** Control calls leave a node that no map names, at most so often. */
  unnamedNodeMs: 1_000,

  // Publishing, per queue handle
  /** `room()` waits while more is buffered than this. */
  publishBufferMessages: 65_536,
  publishBufferBytes: 64 * MiB,
  /** Publishes are refused with Overloaded beyond these. */
  publishBufferMessagesMax: 262_144,
  publishBufferBytesMax: 256 * MiB,
  /** Frames that are not full wait for an answer while so many frames are in flight. */
  publishPartialFramesInFlightMax: 4,
  publishRetryDelayMinMs: 10,
  publishRetryDelayMaxMs: 1_000,

  // Consuming, per consumer
  prefetchMessagesDefault: 4_096,
  prefetchBytesDefault: 4 * MiB,
  prefetchMessagesMax: 32_768,
  prefetchBytesMax: 64 * MiB,
  /** Delivered to the program and not settled yet; fetching pauses beyond. */
  unsettledMessagesMax: 32_768,
  fetchesInFlightDefault: 4,
  fetchWaitMs: 10_000,
  /** Fetches of a connection that is left (the shard has moved) are waited for so long. */
  fetchesEndWithinMs: 500,
  settlesInFlightMax: 4,
  fetchRetryDelayMinMs: 20,
  fetchRetryDelayMaxMs: 1_000,

  // Workers
  workerConcurrencyDefault: 16,
  workerConcurrencyMax: 4_096,
  workerGraceDefaultMs: 30_000,
  workerBackoffMinDefaultMs: 1_000,
  workerBackoffMaxDefaultMs: 60_000,
  /** Work fetched ahead of the handlers, by their mean time. */
  workerAheadMs: 500,
  /** Failed messages whose backoff runs; a worker takes nothing new beyond. */
  workerBackingOffMax: 1_024,
} as const
