/**
 * Owns: `skein backup DIR` and `skein backup DIR --verify`. Ctrl-C leaves what is finished: the
 * same command goes on with it. A queue that is set aside is left out, named, and makes the exit
 * code 8.
 */
import { fileDisk } from "@skein/journal-file"
import { type SkeinError, shardName, skeinError } from "@skein/model"
import { BackupDirectory, type Manifest, type Source } from "../backup/BackupDirectory.js"
import { leftAside, takeBackup } from "../backup/takeBackup.js"
import { verifyBackup } from "../backup/verifyBackup.js"
import { exitCodes } from "../exitCodes.js"
import { showCount, showSize } from "../output/figures.js"
import { Progress } from "../output/Progress.js"
import { safeText } from "../output/safeText.js"
import {
  type CommandContext,
  type Connected,
  isJson,
  type RunCommand,
  writeJson,
} from "./CommandContext.js"
import { pause } from "./pause.js"

export const run: RunCommand = (context) =>
  context.invocation.isOn("verify")
    ? verify(context)
    : context.connected((connected) => take(context, connected))

const take = async (context: CommandContext, connected: Connected): Promise<number> => {
  const { invocation, nowMs, settings, signal, terminal } = context
  const { client, call } = connected
  const [dir = ""] = invocation.args
  const source = await sourceOf(context, connected)
  const into = await BackupDirectory.begin(fileDisk(), dir, source)
  const kept = into.manifest.done.length
  const weights = await weightsOf(connected, into)
  const progress = progressOf(context, "backed up")
  let weightDone = 0
  let current = { shard: -1, part: 0 }
  try {
    await takeBackup(into, {
      beginBackup: (shard) => client.beginBackup(shard, call),
      readBackup: (request) => client.readBackup(request, call),
      ...{ nowMs, signal },
      pause: (ms) => pause(ms, signal),
      patienceMs: settings.timeout,
      onBytes: (shard, bytes, part) => {
        if (shard !== current.shard) weightDone += weights.get(current.shard) ?? 0
        current = { shard, part }
        progress.step(bytes, weightDone + part * (weights.get(shard) ?? 0))
      },
      onAgain: (shard, why) => tellAgain(context, shard, why),
    })
  } finally {
    progress.end()
  }
  const { fabricId } = await client.status(call)
  if (fabricId !== source.fabricId) throw changed(settings.address, fabricId)
  await into.finish()
  const { manifest } = into
  const aside = leftAside(manifest.done)
  for (const queue of aside) terminal.err(`left out, because it is set aside: ${queue}\n`)
  await show(context, manifest, { kept, aside }, "backed up")
  return aside.length === 0 ? exitCodes.ok : exitCodes.damaged
}

const verify = async (context: CommandContext): Promise<number> => {
  const { invocation, signal } = context
  const [dir = ""] = invocation.args
  const backup = await BackupDirectory.open(fileDisk(), dir)
  const progress = progressOf(context, "checked")
  const all = bytesOf(backup.manifest)
  let done = 0
  try {
    const onBytes = (bytes: number): void => {
      done += bytes
      progress.step(bytes, Math.min(1, done / all))
    }
    await verifyBackup(backup, { signal, onBytes })
  } finally {
    progress.end()
  }
  await show(context, backup.manifest, { aside: leftAside(backup.manifest.done) }, "intact")
  return exitCodes.ok
}

/** Of bytes. */
export const progressOf = ({ nowMs, terminal, ...context }: CommandContext, label: string) => {
  const isOn = terminal.errIsTty && context.settings.output !== "json"
  return new Progress(terminal, { label, isOn, nowMs, show: showSize })
}

export const bytesOf = ({ done }: Manifest): number =>
  done.reduce((sum, { bytes }) => sum + bytes, 0)

const sourceOf = async (
  { version }: CommandContext,
  { client, call }: Connected,
): Promise<Source> => {
  const { fabricId, shards } = await client.status(call)
  return { fabricId, shards, version }
}

/** What share of the whole each shard that is left has: by the messages that wait in it. */
const weightsOf = async (
  { client, call }: Connected,
  { manifest }: BackupDirectory,
): Promise<ReadonlyMap<number, number>> => {
  const { loads } = await client.shardLoads(call)
  const depths = new Map(loads.map(({ shard, depth }) => [shard, depth]))
  const left = Array.from({ length: manifest.shards }, (_, shard) => shard)
    .filter((shard) => !manifest.done.some((each) => each.shard === shard))
    .map((shard) => [shard, 1 + (depths.get(shard) ?? 0)] as const)
  const all = left.reduce((sum, [, weight]) => sum + weight, 0)
  return new Map(left.map(([shard, weight]) => [shard, weight / all]))
}

const tellAgain = (context: CommandContext, shard: number, why: SkeinError): void => {
  if (isJson(context)) return
  context.terminal.err(`${shardName(shard)} begins again: ${safeText(why.detail)}\n`)
}

const show = async (
  context: CommandContext,
  manifest: Manifest,
  more: { readonly kept?: number; readonly aside: readonly string[] },
  how: string,
): Promise<void> => {
  const { backupId, fabricId, shards, done, beganAt, endedAt } = manifest
  const frames = done.reduce((sum, shard) => sum + shard.frames, 0)
  const bytes = bytesOf(manifest)
  if (isJson(context)) {
    const facts = { backupId, fabricId, shards, frames, bytes, beganAt, endedAt }
    await writeJson(context, { ...facts, ...more })
    return
  }
  const kept = more.kept === undefined || more.kept === 0 ? "" : `, ${more.kept} from before`
  const what = `${shards} shards${kept}, ${showCount(frames)} frames, ${showSize(bytes)}`
  await context.terminal.out(`fabric ${fabricId}: ${what}: ${how}\n`)
}

const changed = (address: string, fabricId: string): SkeinError =>
  skeinError("BackupInvalid", `at ${address} is another fabric by now: ${fabricId}`)
