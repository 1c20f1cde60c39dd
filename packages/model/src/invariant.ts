/**
 * Owns: the one way to state a programmer error. Operating errors (disk, network, a caller's bad
 * input) never come through here: those are tagged and typed, see SkeinError.ts.
 */

/** A broken assumption of our own code. Never caught to carry on: it is supervised. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation"
}

/**
 * Throws {@link InvariantViolation} unless `condition` holds. O(1) checks stay on in production.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message)
}
