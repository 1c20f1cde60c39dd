/** Faults of the clients' processes; another takes the place of each. */
import { type Aimed, anywhere, type Fault, type Ground } from "../Fault.js"

const kill =
  (role: "consumer" | "publisher") =>
  ({ load, prng }: Ground): Aimed => {
    const clients = load.clients(role)
    const victim = clients[prng.between(0, clients.length - 1)]
    const { process: name } = victim.settings
    return {
      victim: name,
      inject: async () => {
        await victim.kill()
        return { detail: `SIGKILL to ${name}`, undo: () => load.replace(role, victim) }
      },
    }
  }

export const killConsumer: Fault = {
  name: "kill-consumer",
  probe: anywhere,
  holdMs: [0, 300],
  aim: kill("consumer"),
}

export const killPublisher: Fault = {
  name: "kill-publisher",
  probe: anywhere,
  holdMs: [0, 300],
  aim: kill("publisher"),
}
