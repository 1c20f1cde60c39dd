/** Finds broker binaries and asks them for their version. */
import { execFile } from "node:child_process"
import { accessSync, constants } from "node:fs"
import path from "node:path"

/** Where distributions put servers that are not on a user's PATH. */
const otherDirs = ["/usr/lib/rabbitmq/bin", "/usr/sbin", "/usr/local/sbin", "/usr/local/bin"]
const answerMsMax = 20_000

/** Full path of the first executable found, `first` directories before the PATH. */
export const findBinary = (name: string, first: readonly string[] = []): string | undefined => {
  const onPath = (process.env.PATH ?? "").split(path.delimiter)
  return [...first, ...onPath, ...otherDirs]
    .filter((dir) => dir !== "")
    .map((dir) => path.join(dir, name))
    .find(isExecutable)
}

/** The first `n.n.n` that a command prints, or "unknown". */
export const askVersion = (
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> =>
  new Promise((resolve) => {
    const options = { timeout: answerMsMax, env: { ...process.env, ...env } }
    execFile(command, args, options, (_error, stdout, stderr) => {
      resolve(/\d+\.\d+\.\d+/.exec(`${stdout}\n${stderr}`)?.[0] ?? "unknown")
    })
  })

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
