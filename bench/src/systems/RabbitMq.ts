/**
 * Driver of RabbitMQ quorum queues with amqplib: confirm channel, persistent messages, one
 * counter per batch of confirms, prefetch, and one multiple-ack for what arrived together.
 * The node has a name, ports, cookie, epmd and data of its own, all on 127.0.0.1.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from "amqplib"
import { BrokerProcess } from "../process/BrokerProcess.js"
import { askVersion, findBinary } from "../process/binaries.js"
import { freePort } from "../process/ports.js"
import type { Broker, Consumer, OnMessages, Publisher, Session, System } from "../System.js"
import { lineReleased } from "./releases.js"

/** Debian's wrapper on the PATH changes the user; the real script comes first. */
const scriptDirs = ["/usr/lib/rabbitmq/bin"]
const prefetchMax = 65_535

export const rabbitMq: System = {
  name: "rabbitmq",
  durability: "quorum queue of one replica, publisher confirm after its log's fdatasync",
  absent: async () => {
    if (!findBinary("rabbitmq-server", scriptDirs)) return "rabbitmq-server is not on the PATH"
    return findBinary("epmd") ? undefined : "epmd (Erlang) is not on the PATH"
  },
  unfit: () => undefined,
  version: async () => {
    const ctl = findBinary("rabbitmqctl", scriptDirs)
    const version = ctl ? await askVersion(ctl, ["version"]) : "unknown"
    const released = lineReleased("rabbitmq", version)
    return released === undefined ? { version } : { version, released }
  },
  start: (dir) => RabbitBroker.start(dir),
}

class RabbitBroker implements Broker {
  readonly pids: readonly number[]

  private constructor(
    private readonly epmd: BrokerProcess,
    private readonly node: BrokerProcess,
    private readonly port: number,
  ) {
    this.pids = [node.pid]
  }

  static async start(dir: string): Promise<RabbitBroker> {
    const server = findBinary("rabbitmq-server", scriptDirs)
    const epmdBinary = findBinary("epmd")
    if (!server || !epmdBinary) throw new Error("rabbitmq-server or epmd is not on the PATH")
    mkdirSync(dir, { recursive: true })
    const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()]
    const epmd = await BrokerProcess.start({
      name: "epmd",
      command: epmdBinary,
      args: ["-port", String(epmdPort), "-address", "127.0.0.1"],
      dir: path.join(dir, "epmd"),
      port: epmdPort,
    })
    const env = environment(dir, port, distPort, epmdPort)
    const start = BrokerProcess.start({
      name: "rabbitmq",
      command: server,
      args: [],
      dir,
      env,
      port,
    })
    const node = await start.catch(async (error: unknown) => {
      await epmd.stop()
      throw error
    })
    return new RabbitBroker(epmd, node, port)
  }

  async connect(onFailure: (error: unknown) => void): Promise<Session> {
    const url = { hostname: "127.0.0.1", port: this.port, heartbeat: 60 }
    const connection = await connect(url, { noDelay: true })
    connection.on("error", onFailure)
    return new RabbitSession(connection, onFailure)
  }

  async kill(): Promise<void> {
    await this.node.kill()
    await this.epmd.kill()
  }

  async stop(): Promise<void> {
    await this.node.stop()
    await this.epmd.stop()
  }
}

const environment = (
  dir: string,
  port: number,
  distPort: number,
  epmdPort: number,
): NodeJS.ProcessEnv => {
  const config = path.join(dir, "rabbitmq.conf")
  const plugins = path.join(dir, "enabled_plugins")
  const settings = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    "disk_free_limit.absolute = 50MB",
    "log.file.level = warning",
  ]
  writeFileSync(config, `${settings.join("\n")}\n`)
  writeFileSync(plugins, "[].\n")
  writeFileSync(path.join(dir, "env.conf"), "")
  return {
    HOME: dir,
    // The script replaces itself by the Erlang node, so its pid is the node's and signals arrive.
    RABBITMQ_ALLOW_INPUT: "true",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
    // The name keeps its data readable after a restart on the same directory with other ports.
    RABBITMQ_NODENAME: "skein-bench@localhost",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_DIST_PORT: String(distPort),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_MNESIA_BASE: path.join(dir, "mnesia"),
    RABBITMQ_LOG_BASE: path.join(dir, "log"),
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_CONF_ENV_FILE: path.join(dir, "env.conf"),
    RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_GENERATED_CONFIG_DIR: path.join(dir, "generated"),
  }
}

class RabbitSession implements Session {
  constructor(
    private readonly connection: ChannelModel,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  async declare(queues: readonly string[]): Promise<void> {
    const channel = await this.channel()
    const options = { durable: true, arguments: { "x-queue-type": "quorum" } }
    for (const queue of queues) await channel.assertQueue(queue, options)
    await channel.close()
  }

  async publisher(queue: string): Promise<Publisher> {
    const channel = await this.channel()
    return { publish: (bodies) => publishAll(channel, queue, bodies) }
  }

  async consumer(queue: string, prefetch: number, onMessages: OnMessages): Promise<Consumer> {
    const channel = await this.channel()
    await channel.prefetch(Math.min(prefetch, prefetchMax))
    let gathered: ConsumeMessage[] = []
    const flush = (): void => {
      const messages = gathered
      gathered = []
      onMessages(messages.map(({ content }) => content))
      channel.ack(messages.at(-1)!, true)
    }
    // All messages of one packet arrive in one turn: one call and one ack for them.
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message && gathered.push(message) === 1) setImmediate(flush)
    })
    return { stop: async () => void (await channel.cancel(consumerTag)) }
  }

  async close(): Promise<void> {
    await this.connection.close().catch(() => undefined)
  }

  private async channel(): Promise<ConfirmChannel> {
    const channel = await this.connection.createConfirmChannel()
    channel.on("error", this.onFailure)
    return channel
  }
}

const publishAll = (
  channel: ConfirmChannel,
  queue: string,
  bodies: readonly Uint8Array[],
): Promise<void> =>
  new Promise((resolve, reject) => {
    let missing = bodies.length
    const onConfirm = (error: unknown): void => {
      if (error) reject(error)
      else if (--missing === 0) resolve()
    }
    for (const body of bodies) {
      const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      channel.publish("", queue, content, { persistent: true }, onConfirm)
    }
  })
