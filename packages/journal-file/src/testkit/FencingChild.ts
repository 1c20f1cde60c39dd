/**
 * A process that takes shard 0 of a directory and commits numbered records until it is fenced or
 * its standard input ends. It says what it recovered, each number as it is confirmed, and its end.
 */
import { writeSync } from "node:fs"
import { commitModel, ModelTenant, modelRecord } from "@skein/journal"
import { openFileJournal } from "../openFileJournal.js"

const [dir, name] = process.argv.slice(2)
// Synchronous: what was said before a stop has been said. A pipe that is full is waited for.
const say = (line: string) => {
  for (let bytes = Buffer.from(`${line}\n`); bytes.length > 0; ) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
    }
  }
}

let over = false
process.stdin.on("end", () => {
  over = true
})
process.stdin.resume()

const journal = await openFileJournal({
  dir,
  shards: 2,
  segmentBytes: 256 * 1024,
  uncleanedBytesMax: 1024 * 1024,
  shared: true,
})
const tenant = await ModelTenant.open(await journal.openShard(0))
say(`recovered ${tenant.history}`)
for (let number = 1; !over; number++) {
  const text = `${name}${number}`
  try {
    const frames = [[1, tenant.recordNumber + 1, Buffer.from(text.repeat(200))]] as const
    const drop = number % 2 === 0 ? [[1, tenant.recordNumber] as const] : []
    await commitModel(journal, tenant, modelRecord(text, frames, drop))
  } catch {
    say("fenced")
    break
  }
  say(`confirmed ${text}`)
}
await journal.close()
say("closed")
process.exit(0)
