/** Owns: the table of all commands with their options and arguments. */
import { limits } from "@skein/model"
import { type SettingKey, settingTable } from "../config/settings.js"
import type { ArgumentSpec, CommandSpec, OptionSpec } from "./Grammar.js"

const setting = (key: SettingKey): OptionSpec => {
  const { flag = key, alias, value, help, default: preset } = settingTable[key]
  const shown =
    preset === undefined || value.kind === "switch" ? help : `${help} Default ${preset}.`
  return { name: flag, ...(alias !== undefined && { alias }), value, help: shown, setting: key }
}

const one = (name: string, help: string): ArgumentSpec => ({ name, help, count: "one" })
const flag = (name: string, help: string): OptionSpec => ({ name, help, value: { kind: "switch" } })

const configFile: OptionSpec = {
  name: "config",
  value: { kind: "text", placeholder: "FILE" },
  help: "The config file. Default skein.json in the working directory, if it is there.",
}
const output = [setting("output"), configFile]
const asClient = [
  setting("address"),
  setting("tokenFile"),
  setting("timeout"),
  setting("connectTimeout"),
  ...output,
]
const yes: OptionSpec = { ...flag("yes", "Do it without asking."), alias: "y" }
const queue = one("QUEUE", "The queue's name.")
const shard = one("SHARD", "A shard such as s017, or its number.")
const nodeName = one("NODE", "The node's name.")
const dir = one("DIR", "A node's data directory.")

const count = (help: string, max: number): OptionSpec => ({
  name: "count",
  alias: "n",
  value: { kind: "integer", min: 1, max },
  help,
})

/** Nodes of one `cluster start`: more than a machine has cores for is of no use. */
const localNodesMax = 64
export const localNodesDefault = 3

const nodeCommands: readonly CommandSpec[] = [
  {
    name: "start",
    help: "Run a node until SIGTERM or Ctrl-C.",
    options: [
      setting("dir"),
      setting("memory"),
      setting("host"),
      setting("port"),
      setting("tokenFile"),
      setting("shards"),
      setting("node"),
      setting("cluster"),
      setting("bootstrap"),
      setting("advertise"),
      flag("with-parent", "Stop in order when standard input closes: its parent is gone."),
      ...output,
    ],
    arguments: [],
  },
  {
    name: "status",
    help: "What a node says of itself.",
    options: [
      flag("tree", "Show its supervision tree: restarts and last causes. JSON always has it."),
      flag("limits", "Show its limits, too; JSON always has them."),
      ...asClient,
    ],
    arguments: [],
  },
]

const clusterCommands: readonly CommandSpec[] = [
  {
    name: "start",
    help: "Run nodes on one data directory, and start again those that end.",
    options: [
      {
        name: "nodes",
        value: { kind: "integer", min: 1, max: localNodesMax },
        help: `How many; they are named n1 to nN. Default ${localNodesDefault}.`,
      },
      setting("dir"),
      setting("host"),
      {
        ...setting("port"),
        help:
          "The port that clients begin at; n1 has the next one, and so on. " +
          "0 takes free ones. Default 4117.",
      },
      setting("tokenFile"),
      setting("shards"),
      ...output,
    ],
    arguments: [],
  },
  {
    name: "status",
    help: "The nodes of a fabric, their shards and load, and what is wrong.",
    options: asClient,
    arguments: [],
  },
  {
    name: "plan",
    help: "The moves that balancing would do next, with reasons; nothing is done.",
    options: asClient,
    arguments: [],
  },
  {
    name: "rebalance",
    help: "Begin the moves of the plan now.",
    options: [yes, ...asClient],
    arguments: [],
  },
  { name: "why", help: "Why a shard is where it is.", options: asClient, arguments: [shard] },
  {
    name: "move",
    help: "Move a shard to a node.",
    options: [yes, ...asClient],
    arguments: [shard, nodeName],
  },
  {
    name: "drain",
    help: "Take all shards from a node, and give it none until it is revived.",
    options: [
      yes,
      flag("wait", "Come back when the node has no shards left, at most --timeout later."),
      ...asClient,
    ],
    arguments: [nodeName],
  },
  {
    name: "revive",
    help: "Let a drained node have shards again.",
    options: asClient,
    arguments: [nodeName],
  },
  {
    name: "restart",
    help: "Restart nodes one after the other while clients work; each is drained first.",
    options: [yes, ...asClient],
    arguments: [{ name: "NODE", help: "Only these. Default: all of them.", count: "any" }],
  },
  {
    name: "watch",
    help: "Nodes, load and decisions as they happen, until Ctrl-C.",
    options: asClient,
    arguments: [],
  },
  {
    name: "clients",
    help: "Who is connected, and what they publish to and consume from.",
    options: [
      {
        name: "at",
        value: { kind: "text", placeholder: "NODE", charsMax: limits.nodeNameBytesMax },
        help: "Only those of this node.",
      },
      ...asClient,
    ],
    arguments: [],
  },
  {
    name: "check",
    help: "Exit 0 when the fabric is healthy; else 9, and what is wrong is named.",
    options: asClient,
    arguments: [],
  },
]

const policyOptions: readonly OptionSpec[] = [
  {
    name: "lease",
    value: { kind: "duration", minMs: limits.leaseMinMs, maxMs: limits.leaseMaxMs },
    help: "How long a delivery is leased. Default 30s.",
  },
  {
    name: "dedup-window",
    value: { kind: "duration", minMs: 0, maxMs: limits.dedupWindowMaxMs },
    help: "How long a dedup id is remembered. Default 10m.",
  },
  {
    name: "messages-max",
    value: { kind: "integer", min: 1, max: limits.messagesPerQueueMax },
    help: `Publishes are refused beyond so many. Default ${limits.messagesPerQueueDefault}.`,
  },
  {
    name: "bytes-max",
    value: { kind: "bytes", min: 1, max: limits.bytesPerQueueMax },
    help: "Publishes are refused beyond so many bytes. Default 64GiB.",
  },
  {
    name: "body-bytes-max",
    value: { kind: "bytes", min: 1, max: limits.bodyBytesMax },
    help:
      "The largest body taken, in bytes as packed for the wire: a text has up to 5 more than " +
      "its UTF-8, other values those of MessagePack. Default 1MiB.",
  },
]

const queueCommands: readonly CommandSpec[] = [
  {
    name: "declare",
    help: "Create a queue; with the same settings again, answer the one that is there.",
    options: [...policyOptions, ...asClient],
    arguments: [queue],
  },
  {
    name: "list",
    help: "List queues by name.",
    options: [
      {
        name: "prefix",
        value: { kind: "text", placeholder: "PREFIX", charsMax: limits.queueNameBytesMax },
        help: "Only names that begin so.",
      },
      count("At most so many. Default all.", limits.queuesPerFabricMax),
      ...asClient,
    ],
    arguments: [],
  },
  {
    name: "show",
    help: "Settings and counts of a queue.",
    options: asClient,
    arguments: [queue],
  },
  {
    name: "purge",
    help: "Remove every ready message of a queue.",
    options: [yes, ...asClient],
    arguments: [queue],
  },
  {
    name: "delete",
    help: "Delete a queue with its messages.",
    options: [yes, ...asClient],
    arguments: [queue],
  },
  {
    name: "peek",
    help: "Look at messages without taking them.",
    options: [
      count("At most so many. Default 10.", limits.peekMessagesMax),
      {
        name: "from",
        value: { kind: "integer", min: 1, max: Number.MAX_SAFE_INTEGER },
        help: "First sequence to look at. Default the oldest.",
      },
      ...asClient,
    ],
    arguments: [queue],
  },
]

const publish: CommandSpec = {
  name: "publish",
  help: "Publish messages: the bodies given, or a file, or standard input.",
  options: [
    {
      name: "file",
      value: { kind: "text", placeholder: "FILE" },
      help: "Read the body from this file; - is standard input.",
    },
    flag("lines", "Each line of the file is a message."),
    flag("json", "Bodies are JSON values; without it they are texts."),
    {
      name: "key-regexp",
      value: { kind: "text", placeholder: "REGEXP", charsMax: 1024 },
      help: "A message's key: the first group (or all) of what matches in its body.",
    },
    {
      name: "header",
      value: { kind: "pair" },
      help: "A header of every message; may be repeated.",
      repeated: true,
    },
    {
      name: "dedup-id",
      value: { kind: "text", placeholder: "ID", charsMax: 1024 },
      help: "Of one message: a repeat of it, within the queue's dedup window, stores nothing.",
    },
    ...asClient,
  ],
  arguments: [queue, { name: "BODY", help: "The bodies, one message each.", count: "any" }],
}

const consume: CommandSpec = {
  name: "consume",
  help:
    "Write messages to standard output, one a line: texts as they are, other values as JSON, " +
    'bytes that are no text as {"base64":"…"}. Without --ack they go back at the end.',
  options: [
    count(
      "Stop after so many messages. Default until the queue is empty; without --ack also at " +
        "32,768, which is the most that may be held.",
      1_000_000_000,
    ),
    flag("follow", "Wait for more when the queue is empty, until Ctrl-C. Needs --ack."),
    flag("ack", "Acknowledge what was written: it is gone from the queue."),
    flag("raw", "Write the bytes of binary messages as they are, without line ends; not as JSON."),
    ...asClient,
  ],
  arguments: [queue],
}

const backup: CommandSpec = {
  name: "backup",
  help: "Back up a running fabric into a directory; go on with one that was cut off.",
  options: [
    flag("verify", "Check the backup in the directory to the last byte; no node is asked."),
    ...asClient,
  ],
  arguments: [one("DIR", "The backup's directory; made when it is missing.")],
}

const restore: CommandSpec = {
  name: "restore",
  help: "Make a fabric of a backup, in an empty data directory that no node uses.",
  options: [setting("dir"), ...output],
  arguments: [one("BACKUP", "The backup's directory.")],
}

const journalCommands: readonly CommandSpec[] = [
  { name: "verify", help: "Check everything; damage is named.", options: output, arguments: [dir] },
  {
    name: "digest",
    help: "A digest of what is stored, shard by shard.",
    options: output,
    arguments: [dir],
  },
  { name: "dump", help: "The records as lines of JSON.", options: output, arguments: [dir] },
]

const group = (name: string, help: string, commands: readonly CommandSpec[]): CommandSpec => ({
  name,
  help,
  commands,
  options: [],
  arguments: [],
})

export const skein: CommandSpec = group("skein", "Run, operate and use a Skein fabric.", [
  group("node", "Run a node, or ask one how it is.", nodeCommands),
  group("cluster", "Run nodes that are one fabric, or ask how they are.", clusterCommands),
  group("queue", "Declare, list and look after queues.", queueCommands),
  publish,
  consume,
  {
    name: "bench",
    help: "The load bench of the source tree: skein bench SCENARIO [ARGS].",
    options: [],
    arguments: [{ name: "ARGS", help: "Passed on as they are.", count: "any" }],
    passesOn: true,
  },
  {
    name: "config",
    help: "Each setting with its value and where that comes from.",
    options: [
      ...(Object.keys(settingTable) as readonly SettingKey[])
        .filter((key) => settingTable[key].flag !== undefined && key !== "output")
        .map(setting),
      ...output,
    ],
    arguments: [],
  },
  backup,
  restore,
  group("journal", "Look into a node's data directory; nothing is changed.", journalCommands),
])
