/** Owns: `skein journal dump DIR`: shards, checkpoint chunks and records, one line of JSON each. */
import { decodeSections } from "@skein/cluster"
import type { DumpEntry } from "@skein/journal-file"
import { shardName } from "@skein/model"
import { decodeEvents } from "@skein/queue"
import { exitCodes } from "../exitCodes.js"
import { type RunCommand, writeJson } from "./CommandContext.js"
import { jsonSafe } from "./messageText.js"

export const run: RunCommand = async (context) => {
  const { dumpDirectory } = await import("@skein/journal-file")
  const [dir = ""] = context.invocation.args
  for await (const entry of dumpDirectory(dir)) {
    if (context.signal.aborted) return exitCodes.interrupted
    await writeJson(context, readable(entry))
  }
  return undefined
}

/** Events in words; of chunks the size only, because their form is the tenant's. */
const readable = (entry: DumpEntry): unknown => {
  const shard = shardName(entry.shard)
  switch (entry.kind) {
    case "shard":
      return { ...entry, shard }
    case "chunk":
      return { kind: "chunk", shard, key: entry.key, bytes: entry.bytes.length }
    case "record":
      return { ...entry, shard, events: eventsOf(entry.events) }
  }
}

const eventsOf = (bytes: Uint8Array): unknown =>
  decodeSections(bytes).map(({ generation, deleted, events }) => ({
    generation,
    ...(deleted && { deleted }),
    events: events.length === 0 ? [] : decodeEvents(events).map(({ event }) => jsonSafe(event)),
  }))
