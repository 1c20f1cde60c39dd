/**
 * What became of the publishes of each round, counted from the logs of the clients alone. It knows
 * confirms, deliveries and times; whether the run is valid is the checker's to say.
 */
import { readFileSync } from "node:fs"
import { type LogRecord, type PublishRecord, parseRecord } from "@skein/test-checker"

export interface RoundFigures {
  /** Sent and not answered when the node stood. */
  readonly inFlight: number
  /** Confirmed from the end of the round before to the end of this one, by whomever. */
  readonly confirmed: number
  /** Those of them that were consumed in the end, so that the last owner had them. */
  readonly held: number
  readonly lost: number
  /** Sent in that time and stored twice, or stored though certainly refused. */
  readonly adopted: number
}

export interface RoundTimes {
  readonly standsNs: number
  readonly endsNs: number
}

interface Publish {
  invokedNs: number
  endedNs: number
  phase: PublishRecord["phase"]
  /** Under which generation and sequence it was delivered. */
  stored: string | undefined
  twice: boolean
}

/** Rounds in the order of time; what came after the last one counts to it. */
export const roundFigures = (
  files: ReadonlyArray<string>,
  rounds: ReadonlyArray<RoundTimes>,
): ReadonlyArray<RoundFigures> => {
  const publishes = [...readPublishes(files).values()]
  return rounds.map(({ standsNs, endsNs }, index) => {
    const fromNs = index === 0 ? 0 : rounds[index - 1].endsNs
    const untilNs = index === rounds.length - 1 ? Number.POSITIVE_INFINITY : endsNs
    const isIn = (atNs: number): boolean => atNs >= fromNs && atNs < untilNs
    const confirmed = publishes.filter(({ phase, endedNs }) => phase === "ok" && isIn(endedNs))
    const held = confirmed.filter(({ stored }) => stored !== undefined).length
    return {
      inFlight: publishes.filter((each) => each.invokedNs < standsNs && each.endedNs >= standsNs)
        .length,
      confirmed: confirmed.length,
      held,
      lost: confirmed.length - held,
      adopted: publishes.filter((each) => isIn(each.invokedNs) && isWrong(each)).length,
    }
  })
}

const isWrong = ({ twice, phase, stored }: Publish): boolean =>
  twice || (phase === "fail" && stored !== undefined)

const readPublishes = (files: ReadonlyArray<string>): ReadonlyMap<string, Publish> => {
  const publishes = new Map<string, Publish>()
  for (const file of files) {
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const record = parseRecord(line)
      if (typeof record !== "string") note(publishes, record)
    }
  }
  return publishes
}

const note = (publishes: Map<string, Publish>, record: LogRecord): void => {
  if (record.op !== "publish" && record.op !== "deliver") return
  const publish = publishes.get(record.id) ?? {
    ...{ invokedNs: 0, endedNs: Number.POSITIVE_INFINITY, phase: "invoke" as const },
    ...{ stored: undefined, twice: false },
  }
  publishes.set(record.id, publish)
  if (record.op === "deliver") {
    const stored = `${record.tag[0]}/${record.tag[1]}`
    publish.twice ||= publish.stored !== undefined && publish.stored !== stored
    publish.stored = stored
  } else if (record.phase === "invoke") publish.invokedNs = record.timeNs
  else {
    publish.endedNs = record.timeNs
    publish.phase = record.phase
  }
}
