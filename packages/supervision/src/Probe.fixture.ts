/**
 * Owns: children for tests whose life is written to a log and whose end the test decides.
 * Must not know: what the tests expect.
 *
 * The log holds "+a" when a starts and "-a" when its finalizer runs.
 */

import type { Scope } from "effect"
import { Data, Deferred, Effect, FiberId, Queue, Random } from "effect"
import * as Child from "./Child.js"
import * as Policy from "./Policy.js"
import type { SupervisorEvent } from "./SupervisorEvent.js"
import type { TreeNode } from "./TreeNode.js"

export class Boom extends Data.TaggedError("Boom")<{ readonly n: number }> {}
export class Fatal extends Data.TaggedError("Fatal")<{ readonly why: string }> {}
export class Noise extends Data.TaggedError("Noise")<{ readonly level: number }> {}
/** A failure to be set aside. */
export class Poison extends Data.TaggedError("Poison")<{ readonly n: number }> {}

export type Wrong = Boom | Fatal | Poison

export const policy = Policy.make<Wrong>({
  errors: { Boom: "restart", Fatal: "escalate", Poison: "stop" },
  defect: "restart",
})

export class Probe {
  readonly log: Array<string> = []
  /** How the running generation of each child ends. */
  readonly ends = new Map<string, Deferred.Deferred<void, Wrong>>()
  /** Errors for the next starts of a child, first one first. */
  readonly failedStarts = new Map<string, Array<Wrong>>()
  /** Children whose finalizer waits for its gate. */
  readonly gates = new Map<string, Deferred.Deferred<void>>()

  private readonly open = (name: string): Effect.Effect<void, Wrong, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const failed = this.failedStarts.get(name)?.shift()
        if (failed !== undefined) return Effect.fail(failed)
        this.log.push(`+${name}`)
        return Effect.void
      }),
      () =>
        Effect.suspend(() => {
          const gate = this.gates.get(name)
          const closed = Effect.sync(() => this.log.push(`-${name}`))
          return gate === undefined ? closed : Effect.zipRight(Deferred.await(gate), closed)
        }),
    )

  fiber(name: string, options: Partial<Child.ChildOptions> = {}): Child.Child<Wrong> {
    return Child.fiber({
      ...options,
      name,
      start: this.open(name),
      run: () =>
        Effect.suspend(() => {
          const end = Deferred.unsafeMake<void, Wrong>(FiberId.none)
          this.ends.set(name, end)
          return Deferred.await(end)
        }),
    })
  }

  fail(name: string, error: Wrong): Effect.Effect<void> {
    return this.end(name, Effect.fail(error))
  }

  end(name: string, how: Effect.Effect<void, Wrong> = Effect.void): Effect.Effect<void> {
    return Effect.suspend(() => {
      const end = this.ends.get(name)
      return end === undefined ? Effect.die(`${name} has not run`) : Deferred.complete(end, how)
    }).pipe(Effect.zipRight(settle))
  }

  /** The log since the last call. */
  take(): string {
    return this.log.splice(0).join(" ")
  }
}

/** Lets everything run that can run without time passing: fibers take turns by microtask. */
export const settle: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** The random numbers of the jitter, all 0: full waits. */
export const noChance = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withRandom(effect, Random.fixed([0]))

export const taken = (
  events: Queue.Dequeue<SupervisorEvent>,
): Effect.Effect<ReadonlyArray<SupervisorEvent>> =>
  Effect.map(Queue.takeAll(events), (all) => [...all])

export const childOf = (tree: TreeNode, name: string): TreeNode | undefined =>
  tree.children?.find((node) => node.name === name)

/** "a:running b:ended" */
export const states = (tree: TreeNode): string =>
  (tree.children ?? []).map((node) => `${node.name}:${node.state}`).join(" ")
