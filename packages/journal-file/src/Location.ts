/**
 * Owns: a frame's location in its shard: a file's id in the shard's file table and an offset.
 * 27 bits of id and 26 of offset fill a safe integer; a file is at most 64 MiB.
 */
import type { Location } from "@skein/journal"

const offsetSpan = 2 ** 26
export const fileBytesMax = offsetSpan
export const fileIdMax = 2 ** 27 - 1

export const locationOf = (fileId: number, offset: number): Location => fileId * offsetSpan + offset
export const fileIdOf = (location: Location): number => Math.floor(location / offsetSpan)
export const offsetOf = (location: Location): number => location % offsetSpan
