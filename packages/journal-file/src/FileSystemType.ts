/**
 * Owns: which file systems cannot carry a journal, by the magic numbers of statfs(2) on Linux
 * (linux/magic.h). Rename as compare-and-set and fdatasync are not to be trusted over a network.
 */

const remote: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff53_4d42, "CIFS"],
  [0xfe53_4d42, "SMB2"],
  [0x0102_1997, "9P"],
  [0x5346_414f, "AFS"],
  [0x00c3_6400, "Ceph"],
  [0x0bd0_0bd0, "Lustre"],
  [0x0116_1970, "GFS2"],
  [0x7461_636f, "OCFS2"],
  [0x6573_5546, "FUSE (possibly remote)"],
])

/** Why a journal must not lie there, or `undefined`. Unknown types count as local. */
export const unfitFileSystem = (type: number): string | undefined => {
  const name = remote.get(type >>> 0)
  return name === undefined ? undefined : `${name} is not a local file system`
}
