/** Owns: how an instance's id is made: 128 random bits, new at every start of a process. */
import type { InstanceId, Random } from "@skein/model"

export const newInstanceId = (random: Random): InstanceId =>
  Buffer.from(random.bytes(16)).toString("hex")
