/** All systems that the bench can measure, by name. An unknown name throws: it is never ignored. */
import { type System, systemNames } from "../System.js"
import { bareLoop } from "./BareLoop.js"
import { bullMq } from "./BullMq.js"
import { nats } from "./Nats.js"
import { rabbitMq } from "./RabbitMq.js"
import { redisStreams } from "./RedisStreams.js"
import { skein } from "./Skein.js"

const all: readonly System[] = [skein, bareLoop, redisStreams, rabbitMq, nats, bullMq]

export const systemNamed = (name: string): System => {
  const found = all.find((system) => system.name === name)
  if (!found) throw new Error(`no system "${name}"; known: ${systemNames.join(", ")}`)
  return found
}
