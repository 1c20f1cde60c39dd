/** All scenarios by name. */
import { backlog } from "./Backlog.js"
import { churn } from "./Churn.js"
import { idle } from "./Idle.js"
import { latency } from "./Latency.js"
import { queues } from "./Queues.js"
import { recovery } from "./Recovery.js"
import type { Scenario, ScenarioName } from "./Scenario.js"
import { throughput } from "./Throughput.js"

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  throughput,
  latency,
  backlog,
  recovery,
  churn,
  idle,
  queues,
}
