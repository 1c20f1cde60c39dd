/**
 * Whose the shards are, as the tokens in the data directory say: the one thing that the harness
 * knows of the product's files, because clients and nodes are cut off while a node stands.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export class Tokens {
  constructor(readonly data: string) {}

  /** The shards that the process holds, `s000` and so on. */
  heldBy(pid: number | undefined): ReadonlyArray<string> {
    const shards = join(this.data, "shards")
    const own = this.#instanceOf(pid)
    return readdirSync(shards).filter((shard) =>
      readdirSync(join(shards, shard)).some((file) => {
        const [kind, , instance] = file.split(".")
        return kind === "owner" && instance === own
      }),
    )
  }

  /** A process says which instance it is in its sign of life. */
  #instanceOf(pid: number | undefined): string | undefined {
    const alive = join(this.data, "alive")
    return readdirSync(alive).find((instance) =>
      readFileSync(join(alive, instance), "utf8").includes(`"pid":${pid},`),
    )
  }
}
