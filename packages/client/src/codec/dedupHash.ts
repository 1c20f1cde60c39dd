/** Owns: what a node knows of a dedup id: the first 16 bytes of SHA-256 of its UTF-8. */
import { createHash } from "node:crypto"

export const dedupHash = (dedupId: string): Uint8Array =>
  createHash("sha256").update(dedupId, "utf8").digest().subarray(0, 16)
