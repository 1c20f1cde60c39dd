/** Owns: directories of tests, and their removal. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"

/** A new directory that goes with the test. */
export const temporaryDirectory = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "skein-cli-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
