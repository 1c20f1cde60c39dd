/** A mistake of the caller: its message is printed without a stack, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

export const usageExitCode = 2
