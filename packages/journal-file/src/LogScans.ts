/**
 * Owns: the scans of other instances' logs, shared by all shards that are opened at about the same
 * time, and forgotten some seconds later: they are only of use while shards are opened.
 */
import type { Disk } from "@skein/journal"
import type { Clock, InstanceId, Shard } from "@skein/model"
import type { Paths } from "./Layout.js"
import { LogScan } from "./LogScan.js"

const keptMs = 10_000

export class LogScans {
  readonly #scans = new Map<InstanceId, LogScan>()
  #cancel: () => void = () => {}

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly clock: Clock,
  ) {}

  /** The log of `instance` as it is now or later. Call it after the shard was claimed. */
  async read(instance: InstanceId, shard: Shard): Promise<LogScan> {
    let scan = this.#scans.get(instance)
    if (scan === undefined || scan.hasForgotten(shard)) {
      scan = new LogScan(this.disk, this.paths, instance)
      this.#scans.set(instance, scan)
    }
    this.#cancel()
    this.#cancel = this.clock.setTimer(keptMs, () => this.#scans.clear())
    await scan.extend()
    return scan
  }

  /**
   * Begins to read a log that is going to be asked for. The scan is extended when it is: what its
   * process writes until the shard is claimed is read then.
   */
  readAhead(instance: InstanceId, shard: Shard): void {
    // Whoever asks for the log hears why it cannot be read.
    this.read(instance, shard).catch(() => {})
  }

  close(): void {
    this.#cancel()
    this.#scans.clear()
  }
}
