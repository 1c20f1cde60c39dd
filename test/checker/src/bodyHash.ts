/**
 * The hash by which a delivered body is compared with the published one: the first 48 bits of
 * SHA-256, as 12 hexadecimal digits. 48 bits fit a JavaScript number exactly, and the product
 * uses CRC-32, so a fault of its checksum cannot hide behind ours.
 */
import { createHash } from "node:crypto"

/** Hash of the parts one after the other, each preceded by its length in bytes. */
export const bodyHash = (...parts: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(`${part.byteLength}:`).update(part)
  return hash.digest("hex").slice(0, 12)
}
