/**
 * Owns: `skein restore BACKUP --dir DIR`: checks the whole backup, then makes a fabric of it. A
 * restore that was cut off goes on with the same command; until then no node starts there.
 */
import { fileDisk } from "@skein/journal-file"
import { BackupDirectory } from "../backup/BackupDirectory.js"
import { checkTarget, restoreBackup } from "../backup/restoreBackup.js"
import { leftAside } from "../backup/takeBackup.js"
import { verifyBackup } from "../backup/verifyBackup.js"
import { showCount, showSize } from "../output/figures.js"
import { bytesOf, progressOf } from "./backup.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = async (context) => {
  const { invocation, settings, signal, terminal } = context
  const [from = ""] = invocation.args
  const { dir } = settings
  const backup = await BackupDirectory.open(fileDisk(), from)
  await checkTarget(backup, dir)
  const all = bytesOf(backup.manifest)
  const counted = async <A>(
    label: string,
    work: (onBytes: (bytes: number) => void) => Promise<A>,
  ) => {
    const progress = progressOf(context, label)
    let done = 0
    try {
      return await work((bytes) => {
        done += bytes
        progress.step(bytes, Math.min(1, done / all))
      })
    } finally {
      progress.end()
    }
  }
  const verified = await counted("checked", (onBytes) => verifyBackup(backup, { signal, onBytes }))
  const { fabricId, kept } = await counted("restored", (onBytes) =>
    restoreBackup(backup, verified, { dir, signal, onBytes }),
  )
  const { backupId, shards, done } = backup.manifest
  const aside = leftAside(done)
  const dropped = verified.reduce((sum, { left }) => sum + left.length, 0)
  if (isJson(context)) {
    await writeJson(context, { dir, fabricId, backupId, shards, bytes: all, kept, dropped, aside })
    return undefined
  }
  for (const queue of aside) terminal.err(`not in the backup, because it was aside: ${queue}\n`)
  const queues = showCount(verified[0].catalog.byGeneration.size)
  const what = `${queues} queues in ${shards} shards, ${showSize(all)}`
  await terminal.out(`fabric ${fabricId} in ${dir}: ${what}: restored\n`)
  return undefined
}
