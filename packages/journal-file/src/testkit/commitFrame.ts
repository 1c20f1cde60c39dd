/** Owns: the commit that tests of cleaning want: one record that publishes and drops frames. */
import { commitModel, type Journal, type ModelTenant, modelRecord } from "@skein/journal"

export interface FrameToCommit {
  /** First sequence of the frame that is published, under generation 1; none when absent. */
  readonly publish?: number
  /** First sequences of frames that nobody wants any more. */
  readonly drop?: readonly number[]
  /** Of the frame's body. Default: 1,024. */
  readonly bytes?: number
}

/** The body's bytes all are the frame's first sequence, modulo 256. */
export const commitFrame = async (
  journal: Journal,
  tenant: ModelTenant,
  { publish, drop = [], bytes = 1024 }: FrameToCommit,
): Promise<void> => {
  const frames =
    publish === undefined ? [] : [[1, publish, new Uint8Array(bytes).fill(publish & 255)] as const]
  const gone = drop.map((first) => [1, first] as const)
  await commitModel(journal, tenant, modelRecord("x", frames, gone))
}
