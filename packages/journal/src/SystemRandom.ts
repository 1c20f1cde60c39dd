/** Owns: unpredictable bytes from the operating system. */
import { randomBytes } from "node:crypto"
import type { Random } from "@skein/model"

export const systemRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
}
