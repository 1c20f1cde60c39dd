/** Owns: what is wrong with a command line or with the configuration: exit code 2. */

export class UsageError extends Error {
  override readonly name = "UsageError"
  constructor(
    /** What is wrong, naming it, in one sentence. */
    readonly detail: string,
    readonly next: string = "See `skein --help`.",
  ) {
    super(detail)
  }
}
