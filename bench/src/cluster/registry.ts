/** All cluster scenarios by name. */
import type { ClusterScenario, ClusterScenarioName } from "./ClusterScenario.js"
import { failover } from "./scenarios/Failover.js"
import { hotQueue } from "./scenarios/HotQueue.js"
import { move } from "./scenarios/Move.js"
import { rolling } from "./scenarios/Rolling.js"
import { scale } from "./scenarios/Scale.js"
import { zipf } from "./scenarios/Zipf.js"

export const clusterScenarios: Readonly<Record<ClusterScenarioName, ClusterScenario>> = {
  move,
  failover,
  rolling,
  scale,
  "hot-queue": hotQueue,
  zipf,
}
