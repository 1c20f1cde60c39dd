/** Planned moves: shards that move without a pause, and a node that is drained and comes back. */
import { anyNode, type Fault, type Means } from "../Fault.js"
import { Mover } from "../Mover.js"

const needsNodes = ({ nodes }: Means): string | undefined =>
  nodes > 1 ? undefined : "needs two nodes: --nodes 2 or more"

export const moveShard: Fault = {
  name: "move-shard",
  probe: needsNodes,
  holdMs: [500, 2_500],
  aim: (ground) => ({
    inject: async () => {
      const mover = new Mover(moverSettings(ground))
      return {
        detail: "random shards move all the time",
        undo: () => mover.stop(),
        done: () => mover.done,
      }
    },
  }),
}

export const moverSettings = ({
  fabric,
  operator,
  prng,
}: Parameters<Fault["aim"]>[0]): ConstructorParameters<typeof Mover>[0] => {
  if (operator === undefined) throw new Error("this fabric has no operator")
  return { operator, prng, shards: fabric.shards, nodes: fabric.nodes.map(({ name }) => name) }
}

/** Then it is revived; every other time its process is restarted in between. */
export const drainNode: Fault = {
  name: "drain-node",
  probe: needsNodes,
  holdMs: [0, 500],
  aim: (ground) => {
    const { operator, prng, waitMs } = ground
    const { name, process } = anyNode(ground)
    const restarts = prng.chance(0.5)
    return {
      inject: async () => {
        if (operator === undefined) throw new Error("this fabric has no operator")
        await operator.drain(name)
        return {
          detail: `${name} is drained${restarts ? " and restarted" : ""}`,
          undo: async () => {
            await operator.untilShards(name, (shards) => shards === 0, waitMs)
            if (restarts) {
              const { code, signal } = await process.terminate(waitMs)
              if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}`)
              await process.start()
            }
            await operator.revive(name)
            await operator.untilShards(name, (shards) => shards > 0, waitMs)
          },
        }
      },
    }
  },
}
