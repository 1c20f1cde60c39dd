/**
 * Owns a private redis-server that fsyncs its append-only file before every reply, and opens
 * connections to it.
 */
import { mkdirSync } from "node:fs"
import { Redis } from "ioredis"
import { BrokerProcess } from "../process/BrokerProcess.js"
import { askVersion, findBinary } from "../process/binaries.js"
import { freePort } from "../process/ports.js"
import type { Version } from "../System.js"
import { lineReleased } from "./releases.js"

const command = "redis-server"
const loadPollMs = 10

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

/**
 * A connection that fails for good when the server goes. It is ready as soon as the server has
 * loaded its data: the client's own ready check would look only once a second.
 */
export const openRedis = async (port: number, onFailure: (e: unknown) => void): Promise<Redis> => {
  const redis = new Redis({
    port,
    host: "127.0.0.1",
    protocol: 2,
    enableAutoPipelining: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    retryStrategy: () => null,
    lazyConnect: true,
  })
  redis.on("error", onFailure)
  await redis.connect()
  while (!(await hasLoaded(redis))) await new Promise((resolve) => setTimeout(resolve, loadPollMs))
  return redis
}

const hasLoaded = (redis: Redis): Promise<boolean> =>
  redis.ping().then(
    () => true,
    (error: Error) => {
      if (error.message.startsWith("LOADING")) return false
      throw error
    },
  )
