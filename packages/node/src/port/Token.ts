/** Owns: comparing a client's token in constant time. Tokens are never logged nor put in errors. */
import { createHash, timingSafeEqual } from "node:crypto"

/** Answers whether a hello's token is the expected one; without an expected one all are. */
export const makeTokenCheck = (
  expected: string | undefined,
): ((token: string | undefined) => boolean) => {
  if (expected === undefined) return () => true
  const wanted = hash(expected)
  return (token) => timingSafeEqual(hash(token ?? ""), wanted)
}

/** Answers whether a secret is the fabric's; a node that was given none takes no peer. */
export const makePeerCheck = (expected: string | undefined): ((secret: string) => boolean) => {
  if (expected === undefined) return () => false
  const wanted = hash(expected)
  return (secret) => timingSafeEqual(hash(secret), wanted)
}

// Hashing first makes the lengths equal, which timingSafeEqual asks for.
const hash = (token: string): Buffer => createHash("sha256").update(token, "utf8").digest()
