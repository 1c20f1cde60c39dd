/**
 * Owns: the table of settings: what may be set by flag, by variable and in the config file, with
 * kind, bounds and default. Precedence: flag > environment > config file > default.
 */
import { limits } from "@skein/model"
import type { Value, ValueKind } from "../grammar/ValueKind.js"

export interface SettingSpec {
  readonly flag?: string
  readonly alias?: string
  readonly env: string
  readonly value: ValueKind
  /** As it would be written. */
  readonly default?: string
  readonly help: string
  /** Never shown, never taken from a command line. */
  readonly secret?: true
  /** Not read from a config file. */
  readonly notInFile?: string
}

const spec = <Key extends string>(table: Record<Key, SettingSpec>): Record<Key, SettingSpec> =>
  table

const text = (placeholder: string): ValueKind => ({ kind: "text", placeholder })

export const settingTable = spec({
  address: {
    flag: "address",
    env: "SKEIN_ADDRESS",
    value: { kind: "address" },
    default: "127.0.0.1:4117",
    help: "The node to talk to.",
  },
  host: {
    flag: "host",
    env: "SKEIN_HOST",
    value: text("HOST"),
    default: "127.0.0.1",
    help: "The address the node listens on; loopback only.",
  },
  port: {
    flag: "port",
    env: "SKEIN_PORT",
    value: { kind: "integer", min: 0, max: 65_535 },
    default: "4117",
    help: "The port the node listens on; 0 takes a free one.",
  },
  dir: {
    flag: "dir",
    env: "SKEIN_DIR",
    value: text("DIR"),
    default: "./.skein",
    help: "The node's data directory.",
  },
  memory: {
    flag: "memory",
    env: "SKEIN_MEMORY",
    value: { kind: "switch" },
    default: "false",
    help: "Keep everything in memory: nothing survives the process.",
  },
  shards: {
    flag: "shards",
    env: "SKEIN_SHARDS",
    value: { kind: "integer", min: 1, max: limits.shardsMax },
    help: `Shards of a fabric, fixed when it is created; ${limits.shardsDefault} unless set.`,
  },
  node: {
    flag: "node",
    env: "SKEIN_NODE",
    value: { kind: "text", placeholder: "NAME", charsMax: 64 },
    default: "node-1",
    help: "The node's name, shown to operators; unique in a cluster.",
  },
  cluster: {
    flag: "cluster",
    env: "SKEIN_CLUSTER",
    value: { kind: "switch" },
    default: "false",
    help: "Share the data directory with other nodes: together they are one fabric.",
  },
  bootstrap: {
    flag: "bootstrap",
    env: "SKEIN_BOOTSTRAP",
    value: { kind: "address" },
    help: "An address that some living node of the cluster listens on; clients begin there.",
  },
  failpoints: {
    env: "SKEIN_FAILPOINTS",
    value: text("DIR"),
    help: "For tests only: the node stands still at each step that DIR holds a file of.",
    notInFile: "failpoints are for tests: they are given by SKEIN_FAILPOINTS only",
  },
  advertise: {
    flag: "advertise",
    env: "SKEIN_ADVERTISE",
    value: { kind: "address" },
    help: "The address that clients are told of this node. Default: where it listens.",
  },
  tokenFile: {
    flag: "token-file",
    env: "SKEIN_TOKEN_FILE",
    value: text("FILE"),
    help: "A file that holds the token that clients present.",
  },
  token: {
    env: "SKEIN_TOKEN",
    value: { kind: "text", placeholder: "TOKEN", charsMax: 1024 },
    help: "The token itself; from the environment only.",
    secret: true,
    notInFile: "a token does not belong in a config file: use tokenFile or SKEIN_TOKEN",
  },
  output: {
    flag: "output",
    alias: "o",
    env: "SKEIN_OUTPUT",
    value: { kind: "choice", choices: ["table", "json"] },
    default: "table",
    help: "How results and errors are written.",
  },
  timeout: {
    flag: "timeout",
    env: "SKEIN_TIMEOUT",
    value: { kind: "duration", minMs: 1, maxMs: 24 * 3_600_000 },
    default: "30s",
    help: "How long a call to the node may take.",
  },
  connectTimeout: {
    flag: "connect-timeout",
    env: "SKEIN_CONNECT_TIMEOUT",
    value: { kind: "duration", minMs: 1, maxMs: 3_600_000 },
    default: "5s",
    help: "How long connecting may take.",
  },
})

export type SettingKey = keyof typeof settingTable

export const settingKeys = Object.keys(settingTable) as readonly SettingKey[]

/** All settings after precedence; absent: neither set nor with a default. */
export interface Settings {
  readonly address: string
  readonly host: string
  readonly port: number
  readonly dir: string
  readonly memory: boolean
  readonly shards?: number
  readonly node: string
  readonly cluster: boolean
  readonly bootstrap?: string
  readonly failpoints?: string
  readonly advertise?: string
  readonly tokenFile?: string
  readonly token?: string
  readonly output: "json" | "table"
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds. */
  readonly connectTimeout: number
}

export type SettingValues = Partial<Record<SettingKey, Value>>
