/** The common frame of the client processes: settings in, messages both ways, no orphan. */
import { ClientLog } from "./ClientLog.js"
import type { ClientSettings, FromClient, ToClient } from "./ClientMessages.js"
import { type FabricClient, loadAdapter } from "./FabricClient.js"

export interface ClientFrame {
  readonly settings: ClientSettings
  readonly client: FabricClient
  readonly log: ClientLog
  readonly tell: (message: FromClient) => void
}

/**
 * Runs `body` until it ends, then closes everything. `listen` is called for each message of the
 * harness. A failure ends the process with code 1 and the error on stderr.
 */
export const runClient = (
  body: (
    frame: ClientFrame,
    onMessage: (listen: (message: ToClient) => void) => void,
  ) => Promise<void>,
): void => {
  process.on("disconnect", () => process.exit(1))
  const run = async (): Promise<void> => {
    const settings = JSON.parse(process.argv[2]) as ClientSettings
    const { connect } = await loadAdapter(settings.adapter)
    const log = new ClientLog(settings.logDirectory, settings.process, BigInt(settings.epochNs))
    const client = await connect(settings)
    const tell = (message: FromClient): void => {
      process.send?.(message)
    }
    const onMessage = (listen: (message: ToClient) => void): void => {
      process.on("message", (message) => listen(message as ToClient))
    }
    await body({ settings, client, log, tell }, onMessage)
    await client.close()
    log.close()
    await new Promise<void>((resolve) => {
      process.send?.({ type: "done" } satisfies FromClient, () => resolve())
    })
  }
  run().then(
    () => process.exit(0),
    (error) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
      process.exit(1)
    },
  )
}
