/** The `skein` command as far as the fence needs it. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { adopt } from "../adopt.js"
import { within } from "../within.js"

const skeinMain = fileURLToPath(new URL("../../../../apps/skein/dist/main.js", import.meta.url))

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A move that an operator has asked for: it may be done, refused, or never be answered. */
export interface MoveInHand {
  /** Resolves with its answer, whatever it is. */
  readonly ended: Promise<unknown>
  /** Ends the asking, however far it came. */
  readonly end: () => Promise<void>
}

export const moveShard = (address: string, shard: string, node: string): MoveInHand => {
  const { ended, end } = start([
    "cluster",
    "move",
    String(shard),
    node,
    "--yes",
    "--address",
    address,
  ])
  return {
    ended,
    end: async () => {
      end()
      await within(ended, 10_000, "end of skein cluster move")
    },
  }
}

/** What is wrong with the journal; `undefined`: nothing. */
export const verifyJournal = async (dir: string, waitMs: number): Promise<string | undefined> => {
  const ran = start(["journal", "verify", dir])
  const { code, out, err } = await within(ran.ended, waitMs, "end of journal verify")
  return code === 0 ? undefined : `exit ${code}: ${out}${err}`
}

const start = (argv: ReadonlyArray<string>) => {
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"]
  const child = adopt(spawn(process.execPath, [skeinMain, ...argv], { stdio }))
  const ran = { out: "", err: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    ran.out += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    ran.err += text
  })
  const ended = new Promise<Ran>((resolve) => {
    child.once("close", (code) => resolve({ code, ...ran }))
  })
  return { ended, end: () => void child.kill("SIGKILL") }
}
