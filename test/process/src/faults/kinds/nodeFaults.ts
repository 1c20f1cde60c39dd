/** Faults of a node's process: killed, restarted in good order, stopped and continued. */
import { anyNode, anywhere, type Fault } from "../Fault.js"

/** `kill -9`; started again after the hold. The kernel keeps what was written. */
export const killNode: Fault = {
  name: "kill-node",
  probe: anywhere,
  holdMs: [0, 500],
  aim: (ground) => {
    const { name, process } = anyNode(ground)
    return {
      inject: async () => {
        await process.kill()
        return { detail: `SIGKILL to ${name}`, undo: () => process.start() }
      },
    }
  },
}

/** SIGTERM; it must end with code 0 and is started again: one step of a rolling restart. */
export const restartNode: Fault = {
  name: "restart-node",
  probe: anywhere,
  holdMs: [0, 100],
  aim: (ground) => {
    const { name, process } = anyNode(ground)
    return {
      inject: async () => {
        const { code, signal } = await process.terminate(ground.waitMs)
        if (code !== 0) throw new Error(`${name} ended with ${code ?? signal} after SIGTERM`)
        return { detail: `SIGTERM to ${name}`, undo: () => process.start() }
      },
    }
  },
}

/** SIGSTOP for longer than the 600 ms after which others take a node's shards, then SIGCONT. */
export const pauseNode: Fault = {
  name: "pause-node",
  probe: anywhere,
  holdMs: [900, 3_000],
  aim: (ground) => {
    const { name, process } = anyNode(ground)
    return {
      inject: async () => {
        process.pause()
        return { detail: `SIGSTOP to ${name}`, undo: async () => process.resume() }
      },
    }
  },
}
