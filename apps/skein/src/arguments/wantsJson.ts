/** Owns: whether JSON is asked for, for errors that come before the settings are known. */

export const wantsJson = (
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): boolean => {
  const at = argv.findIndex((word) => word === "--output" || word === "-o")
  if (at >= 0) return argv[at + 1] === "json"
  if (["--output=json", "-o=json", "-ojson"].some((word) => argv.includes(word))) return true
  return env.SKEIN_OUTPUT === "json"
}
