/** Owns: reading what a port rejected with: a SkeinError; anything else is a fault and says so. */
import { isSkeinError, type SkeinError, skeinError } from "@skein/model"

export const asSkeinError = (error: unknown): SkeinError =>
  isSkeinError(error)
    ? error
    : skeinError(
        "InternalError",
        error instanceof Error ? error.message : String(error),
        {},
        { cause: error },
      )
