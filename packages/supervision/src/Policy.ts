/**
 * Owns: what a supervisor does about each error of its children, as a table that the compiler
 * checks to be complete, and the separate decision about defects. Pure.
 * Must not know: strategies, time, how a decision is carried out.
 *
 * E are the errors that end a child (its start or its run failed). F are the errors that a passive
 * child signals while it stays open; only those can be resumed, since what has ended cannot go on.
 */
import { Cause, Option } from "effect"

/** An error with a `_tag`, such as Data.TaggedError or Schema.TaggedError make. */
export interface Tagged {
  readonly _tag: string
}

/** What can be done about a child that has ended. */
export type Ending = "restart" | "stop" | "escalate"
/** What can be done about a child that is still open. */
export type Verdict = Ending | "resume"

/** A fixed verdict, or one that looks at the error. A function that throws escalates. */
export type Choice<V extends Verdict, X> = V | ((error: X) => V)

/** One entry for each tag of E and F: a missing or an unknown tag is a type error. */
export type ErrorTable<E extends Tagged, F extends Tagged> = {
  readonly [T in (E | F)["_tag"]]: Choice<
    T extends E["_tag"] ? Ending : Verdict,
    Extract<E | F, { readonly _tag: T }>
  >
}

export interface PolicySpec<E extends Tagged, F extends Tagged> {
  readonly errors: ErrorTable<E, F>
  /** About a bug: a child that died, or that failed with something its type does not name. */
  readonly defect: Choice<Ending, unknown>
}

declare const covers: unique symbol

/** A complete policy for children that fail with E or signal F. Made by {@link make}. */
export interface Policy<in E extends Tagged, in F extends Tagged = never> {
  /** Type only: it lets a supervisor infer what its children may fail with. */
  readonly [covers]?: (error: E, signal: F) => void
  readonly errors: Readonly<Record<string, Choice<Verdict, never>>>
  readonly defect: Choice<Ending, unknown>
}

/**
 * `Policy.make<DiskFull | PortClosed>({ errors: { DiskFull: "escalate", PortClosed: "restart" },
 * defect: "escalate" })`. With `Child.ErrorOf<typeof child>` for E the table follows its children.
 * Without a type argument it covers children that cannot fail.
 */
export const make = <E extends Tagged = never, F extends Tagged = never>(
  spec: PolicySpec<E, F>,
): Policy<E, F> => ({ errors: spec.errors, defect: spec.defect })

export interface Judgement {
  readonly verdict: Verdict
  /** Tag of the error judged, "Defect", or "PolicyThrew". */
  readonly tag: string
}

const choose = (choice: Choice<Verdict, never>, subject: unknown, tag: string): Judgement => {
  if (typeof choice !== "function") return { verdict: choice, tag }
  try {
    // The table is typed by tag, and the tag was compared: the function gets the error it names.
    return { verdict: choice(subject as never), tag }
  } catch {
    return { verdict: "escalate", tag: "PolicyThrew" }
  }
}

/** The verdict about a cause that holds a failure or a defect. A defect outweighs a failure. */
export const judge = (policy: Policy<never, never>, cause: Cause.Cause<unknown>): Judgement => {
  const defect = Cause.dieOption(cause)
  if (Option.isSome(defect)) return choose(policy.defect, defect.value, "Defect")
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  const tag = tagOf(failure)
  // An own key only: an error tagged "constructor" must not find Object's.
  if (tag === undefined || !Object.hasOwn(policy.errors, tag)) {
    return choose(policy.defect, failure, "Defect")
  }
  return choose(policy.errors[tag], failure, tag)
}

const tagOf = (failure: unknown): string | undefined =>
  typeof failure === "object" &&
  failure !== null &&
  "_tag" in failure &&
  typeof failure._tag === "string"
    ? failure._tag
    : undefined
