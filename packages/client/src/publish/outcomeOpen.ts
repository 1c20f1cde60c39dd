/** Owns: what the caller hears of a message that may be stored when its publisher gives it up. */
import { type SkeinError, skeinError } from "@skein/model"

/**
 * Unconfirmed, with `why` as its cause: the tag of a refusal would read as "not stored". The end of
 * the client keeps its own tag. `data.outcome` is "unknown" in both.
 */
export const outcomeOpen = (why: SkeinError): SkeinError => {
  const detail = `whether the message was stored cannot be told: ${why.detail}`
  const tag = why._tag === "FabricClosed" ? why._tag : "Unconfirmed"
  return skeinError(tag, detail, { outcome: "unknown" }, { cause: why })
}
