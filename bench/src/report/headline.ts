/**
 * The one figure of a scenario that bars and ratios compare. Pure. A ratio is always written so
 * that above 1 the first system is the better one.
 */
import { ratio } from "../measure/median.js"
import type { ScenarioName } from "../scenarios/Scenario.js"
import { msText, rateText } from "./format.js"
import type { Result } from "./Report.js"

export interface Headline {
  readonly label: string
  readonly better: "higher" | "lower"
  readonly value: (result: Result) => number | null
  readonly text: (value: number | null) => string
}

const rate: Headline = {
  label: "messages per second consumed and acked",
  better: "higher",
  value: (result) => result.consumeRate,
  text: (value) => `${rateText(value)}/s`,
}

const tail: Headline = {
  label: "end to end p99 at a fixed rate, less is better",
  better: "lower",
  value: (result) => result.endToEndLatencyMs?.p99 ?? null,
  text: (value) => `${msText(value)} ms`,
}

export const headlines: Readonly<Record<ScenarioName, Headline>> = {
  throughput: rate,
  backlog: rate,
  queues: rate,
  latency: tail,
  churn: tail,
  recovery: {
    label: "time from start to serving, less is better",
    better: "lower",
    value: (result) => result.facts?.servingMs ?? null,
    text: (value) => `${msText(value)} ms`,
  },
  idle: {
    label: "memory of an idle broker, less is better",
    better: "lower",
    value: (result) => result.facts?.rssMiB ?? null,
    text: (value) => `${rateText(value)} MiB`,
  },
}

/** First over other, or other over first where less is better. */
export const headlineRatio = (
  { better, value }: Headline,
  first: Result,
  other: Result,
): number | null =>
  better === "higher" ? ratio(value(first), value(other)) : ratio(value(other), value(first))
