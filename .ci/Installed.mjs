// Owns: the question whether node_modules holds what package-lock.json asks for.
// npm writes node_modules/.package-lock.json as the last act of an install, so comparing the two
// needs no stamp of ours, sees an install that was cut off, and takes one that was done by hand.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** True if every package of the lockfile is installed as it states. */
export function isInstalled(root) {
  const wanted = packagesOf(join(root, "package-lock.json"))
  const installed = packagesOf(join(root, "node_modules/.package-lock.json"))
  if (wanted === undefined || installed === undefined) return false
  return Object.entries(wanted).every(([path, want]) => {
    const isWorkspace = !path.startsWith("node_modules/") && !path.includes("/node_modules/")
    if (isWorkspace) return true
    const have = installed[path]
    // Builds for other platforms are in the lockfile and nowhere else.
    if (have === undefined) return want.optional === true
    return have.version === want.version && have.integrity === want.integrity
  })
}

function packagesOf(file) {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages
  } catch {
    return undefined
  }
}
