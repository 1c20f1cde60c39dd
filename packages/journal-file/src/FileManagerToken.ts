/**
 * Owns: the manager's office as a token in DIR/manager, with the protocol of a shard's token. There
 * is nothing to recover behind it, so a claim leaves no note.
 */
import type { Disk, ManagerToken } from "@skein/journal"
import type { InstanceId } from "@skein/model"
import { genesis, type Paths } from "./Layout.js"
import { renameToken, surveyTokens, tokenName } from "./TokenDirectory.js"

export const fileManagerToken = (disk: Disk, paths: Paths, instance: InstanceId): ManagerToken => ({
  claim: async () => {
    const { owner, epochMax } = await surveyTokens(disk, paths.manager)
    // Eight listings beside renames: others are at it.
    if (owner === undefined) return undefined
    const epoch = epochMax + 1
    const own = tokenName({ epoch, instance })
    return (await renameToken(disk, paths.manager, tokenName(owner), own)) ? epoch : undefined
  },
  holds: (epoch) => disk.existsSync(`${paths.manager}/${tokenName({ epoch, instance })}`),
  holder: async () => {
    const { owner } = await surveyTokens(disk, paths.manager)
    return owner === undefined || owner.instance === genesis ? undefined : owner
  },
})
