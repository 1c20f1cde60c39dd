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

  close(): void {
    this.#cancel()
    this.#scans.clear()
  }
}
