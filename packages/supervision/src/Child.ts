/**
 * Owns: what a supervisor is told about a child: name, restart type, stop timeout, and how to start
 * it. Must not know: strategies, policies, the life of a running child.
 *
 * Every start of a child gets a new Scope: what it acquires is released before its next start.
 */
import { Effect, type Scope } from "effect"
import { supervisionLimits } from "./limits.js"
import type { Tagged } from "./Policy.js"

/**
 * permanent: started again whenever it ends. transient: only when it failed. temporary: never, and
 * forgotten when it ends.
 */
export type RestartType = "permanent" | "transient" | "temporary"

/** How plain code of a passive child reports. Calls after the child's stop are ignored. */
export interface Signal<in F> {
  /** An error of the table. Until the supervisor has dealt with it, further signals are dropped. */
  fail(error: F): void
  /** A bug. */
  die(defect: unknown): void
  /** The child is done: a normal end. */
  end(): void
}

/** What a starting child gets from its supervisor. */
export interface ChildPort<in F> extends Signal<F> {
  /** The start is over, the child runs. */
  started(): void
}

export type ChildKind = "fiber" | "passive"

/** A child that ends with E, signals F while open, and needs R. Made by `fiber` or `passive`. */
export interface Child<out E extends Tagged, out F extends Tagged = never, out R = never> {
  readonly name: string
  readonly kind: ChildKind
  readonly restart: RestartType
  readonly stopTimeoutMs: number
  readonly launch: (port: ChildPort<F>) => Effect.Effect<unknown, E, R | Scope.Scope>
}

/** Any child at all. */
export type Any = Child<Tagged, Tagged, unknown>
/** What ends a child, for `Policy.make<Child.ErrorOf<typeof a | typeof b>>`. */
export type ErrorOf<C extends Any> = C extends Child<infer E, infer _F, infer _R> ? E : never
/** What a passive child signals. */
export type SignalOf<C extends Any> = C extends Child<infer _E, infer F, infer _R> ? F : never
/** What a child needs. */
export type ContextOf<C extends Any> = C extends Child<infer _E, infer _F, infer R> ? R : never

export interface ChildOptions {
  /** Unique among the living children of one supervisor. */
  readonly name: string
  /** Default permanent. */
  readonly restart?: RestartType
  /** How long interruption and finalizers may take; Infinity waits for ever. Default 5,000 ms. */
  readonly stopTimeoutMs?: number
}

const common = (options: ChildOptions) => ({
  name: options.name,
  restart: options.restart ?? ("permanent" as const),
  stopTimeoutMs: options.stopTimeoutMs ?? supervisionLimits.stopDefaultTimeoutMs,
})

/**
 * A child with a fiber. `start` is awaited before later children start, and its result is given to
 * `run`, whose end is the child's end. Both have the child's Scope.
 */
export const fiber: {
  <A, E1 extends Tagged, R1, E2 extends Tagged, R2>(
    options: ChildOptions & {
      readonly start: Effect.Effect<A, E1, R1>
      readonly run: (started: A) => Effect.Effect<unknown, E2, R2>
    },
  ): Child<E1 | E2, never, Exclude<R1 | R2, Scope.Scope>>
  // Of its own, lest the type of an absent start be guessed from where the child is used.
  <E extends Tagged, R>(
    options: ChildOptions & { readonly run: () => Effect.Effect<unknown, E, R> },
  ): Child<E, never, Exclude<R, Scope.Scope>>
} = <A, E extends Tagged, R>(
  options: ChildOptions & {
    readonly start?: Effect.Effect<A, E, R>
    readonly run: (started: A) => Effect.Effect<unknown, E, R>
  },
): Child<E, never, Exclude<R, Scope.Scope>> => {
  const { start, run } = options
  const launch = (port: ChildPort<never>): Effect.Effect<unknown, E, R> => {
    if (start === undefined) {
      port.started()
      return run(undefined as A)
    }
    return Effect.flatMap(start, (started) => {
      port.started()
      return run(started)
    })
  }
  // Scope is provided beside what is named, so R is covered.
  return { ...common(options), kind: "fiber", launch } as Child<E, never, Exclude<R, Scope.Scope>>
}

/**
 * A child without a fiber of its own: `start` builds it in its Scope and keeps the signal; from
 * then on it is an object that others call, and it reports its own failure. Fibers that it needs
 * are forked into its Scope.
 */
export const passive = <E extends Tagged, R, F extends Tagged = never>(
  options: ChildOptions & {
    readonly start: (signal: Signal<F>) => Effect.Effect<unknown, E, R>
  },
): Child<E, F, Exclude<R, Scope.Scope>> =>
  ({
    ...common(options),
    kind: "passive",
    launch: (port: ChildPort<F>) => options.start(port),
  }) as Child<E, F, Exclude<R, Scope.Scope>>
