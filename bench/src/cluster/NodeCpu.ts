/** CPU time of each node's process from one moment on: a measure that is not the manager's. */
import { ProcessSampler } from "../measure/ProcessSampler.js"
import { spreadOf } from "../measure/spread.js"
import type { Fabric } from "./Fabric.js"

export class NodeCpu {
  private constructor(
    private readonly nodes: readonly { readonly sampler: ProcessSampler; readonly since: number }[],
  ) {}

  static async of({ admin }: Fabric): Promise<NodeCpu> {
    const { nodes } = await admin.cluster()
    const samplers = nodes.map(({ pid }) => new ProcessSampler([pid]))
    return new NodeCpu(
      samplers.map((sampler) => ({ sampler, since: sampler.cpuSeconds() ?? Number.NaN })),
    )
  }

  spread(): number {
    return spreadOf(
      this.nodes.map(({ sampler, since }) => (sampler.cpuSeconds() ?? Number.NaN) - since),
    )
  }
}
