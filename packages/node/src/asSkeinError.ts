/** Owns: how a thrown value becomes an expected error at the edge of a call. */
import { isSkeinError, type SkeinError, skeinError } from "@skein/model"

/** A SkeinError stays what it is; anything else is a fault of ours and says so. */
export const asSkeinError = (cause: unknown): SkeinError =>
  isSkeinError(cause)
    ? cause
    : skeinError(
        "InternalError",
        cause instanceof Error ? cause.message : String(cause),
        {},
        { cause },
      )
