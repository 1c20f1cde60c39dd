/** Owns a private redis-server that fsyncs its append-only file before every reply. */
import { mkdirSync } from "node:fs"
import { BrokerProcess } from "../process/BrokerProcess.js"
import { askVersion, findBinary } from "../process/binaries.js"
import { freePort } from "../process/ports.js"
import type { Version } from "../System.js"
import { lineReleased } from "./releases.js"

const command = "redis-server"

export const redisAbsent = async (): Promise<string | undefined> =>
  findBinary(command) ? undefined : `${command} is not on the PATH`

export const redisVersion = async (): Promise<Version> => {
  const binary = findBinary(command)
  const version = binary ? await askVersion(binary, ["--version"]) : "unknown"
  const released = lineReleased("redis", version)
  return released === undefined ? { version } : { version, released }
}

export interface RedisServer {
  readonly process: BrokerProcess
  readonly port: number
}

/** Without snapshots and rewrites, which would start in some windows and not in others. */
export const startRedis = async (dir: string, name: string): Promise<RedisServer> => {
  const binary = findBinary(command)
  if (!binary) throw new Error(`${command} is not on the PATH`)
  mkdirSync(dir, { recursive: true })
  const port = await freePort()
  const settings: readonly [string, string][] = [
    ["--port", String(port)],
    ["--bind", "127.0.0.1"],
    ["--dir", dir],
    ["--appendonly", "yes"],
    ["--appendfsync", "always"],
    ["--auto-aof-rewrite-percentage", "0"],
    ["--save", ""],
    ["--daemonize", "no"],
  ]
  const process = await BrokerProcess.start({
    name,
    command: binary,
    args: settings.flat(),
    dir,
    port,
  })
  return { process, port }
}
