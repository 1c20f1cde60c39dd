/** Owns: joining a node's parts with the cluster's. Loaded by a node of a cluster only. */
import { skeinError } from "@skein/model"
import type { ClusterSeam, ClusterSettings } from "./ClusterSeam.js"

/** Rejects with ConfigInvalid. */
export const openCluster = async ({ node }: ClusterSettings): Promise<ClusterSeam> => {
  throw skeinError("ConfigInvalid", `node ${node}: this build runs single nodes only (--cluster)`)
}
