/**
 * Random programs of failures, stops, starts and waits against children whose starts and stops take
 * time, so that events fall into the middle of restarts. The children themselves check that no two
 * of their generations meet and that neighbours are in order.
 */
import {
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  FastCheck as fc,
  Random,
  Runtime,
  Scope,
  TestClock,
  TestContext,
} from "effect"
import { describe, expect, it } from "vitest"
import * as Child from "./Child.js"
import * as Policy from "./Policy.js"
import { Boom, Noise, Poison, settle, taken, type Wrong } from "./Probe.fixture.js"
import * as Supervisor from "./Supervisor.js"
import type { SupervisorEvent } from "./SupervisorEvent.js"
import type { Strategy } from "./TreeNode.js"

interface Plan {
  readonly restart: Child.RestartType
  readonly passive: boolean
  readonly startMs: number
  readonly stopMs: number
}

interface Step {
  readonly what: "fail" | "die" | "end" | "poison" | "noise" | "stale" | "stop" | "start" | "wait"
  readonly child: number
  readonly ms: number
}

interface Program {
  readonly strategy: Strategy
  readonly plans: ReadonlyArray<Plan>
  readonly steps: ReadonlyArray<Step>
  readonly restartsMax: number
  readonly seed: number
}

const programs: fc.Arbitrary<Program> = fc.record({
  strategy: fc.constantFrom<Strategy>("one-for-one", "one-for-all", "rest-for-one"),
  plans: fc.array(
    fc.record({
      restart: fc.constantFrom<Child.RestartType>("permanent", "transient", "temporary"),
      passive: fc.boolean(),
      startMs: fc.constantFrom(0, 0, 5, 30),
      stopMs: fc.constantFrom(0, 0, 5, 30),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  steps: fc.array(
    fc.record({
      what: fc.constantFrom<Step["what"]>(
        ...(["fail", "fail", "fail", "fail", "die", "end", "poison", "noise"] as const),
        ...(["stale", "stop", "start", "start", "wait", "wait", "wait"] as const),
      ),
      child: fc.nat(4),
      ms: fc.constantFrom(0, 3, 20, 100, 900, 900),
    }),
    { minLength: 5, maxLength: 30 },
  ),
  restartsMax: fc.constantFrom(0, 1, 2, 3, 5, 20, 20),
  seed: fc.nat(),
})

const windowMs = 1_000
const backoff = { firstMs: 10, factor: 2, maxMs: 200, jitter: 0.5 }
type Said = Boom | Poison | Noise
const policy = Policy.make<Wrong, Said>({
  errors: { Boom: "restart", Fatal: "escalate", Poison: "stop", Noise: "resume" },
  defect: "restart",
})

type End = "fail" | "die" | "end" | "poison" | "noise"

class World {
  readonly live = new Set<string>()
  /** What was found wrong. Not thrown: a supervisor would take it for a failure of the child. */
  readonly violations: Array<string> = []
  readonly enders = new Map<string, (end: End) => Effect.Effect<unknown>>()
  readonly signals = new Map<string, Array<Child.Signal<Said>>>()
  /** Children that may leave alone, without their neighbours. */
  readonly alone = new Set<string>()
  order: () => ReadonlyArray<string> = () => this.program.plans.map((_, i) => `c${i}`)
  closing = false
  /** Ends that the program asked for: no more decisions than these. */
  asked = 0

  constructor(readonly program: Program) {}

  private check(rule: string, holds: boolean): void {
    if (!holds) this.violations.push(rule)
  }

  private laterLive(name: string): boolean {
    const order = this.order()
    return order.slice(order.indexOf(name) + 1).some((other) => this.live.has(other))
  }

  private readonly open = (name: string, plan: Plan): Effect.Effect<void, never, Scope.Scope> => {
    const grouped = this.program.strategy !== "one-for-one"
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.check(`${name} starts beside itself`, !this.live.has(name))
        this.check(`${name} starts while a later one lives`, !grouped || !this.laterLive(name))
        this.live.add(name)
        this.alone.delete(name)
      }),
      () =>
        Effect.suspend(() => {
          const inOrder = this.closing || (grouped && !this.alone.has(name))
          this.check(`${name} stops before a later one`, !inOrder || !this.laterLive(name))
          return Effect.zipRight(
            pause(plan.stopMs),
            Effect.sync(() => this.live.delete(name)),
          )
        }),
    ).pipe(Effect.zipRight(pause(plan.startMs)))
  }

  child(name: string, plan: Plan): Child.Child<Wrong, Said> {
    const options = { name, restart: plan.restart }
    return plan.passive
      ? Child.passive({
          ...options,
          start: (signal: Child.Signal<Said>) => {
            this.signals.set(name, [...(this.signals.get(name) ?? []), signal])
            this.enders.set(name, (end) => Effect.sync(() => signalled(signal, end)))
            return this.open(name, plan)
          },
        })
      : Child.fiber({
          ...options,
          start: this.open(name, plan),
          run: () => {
            const ended = Deferred.unsafeMake<void, Wrong>(FiberId.none)
            this.enders.set(name, (end) =>
              end === "noise" ? Effect.void : Deferred.complete(ended, exits[end]),
            )
            return Deferred.await(ended)
          },
        })
  }

  /** Does one step; the supervisor may refuse it. */
  step(
    supervisor: Supervisor.Supervisor<Wrong, Said>,
    { what, child, ms }: Step,
  ): Effect.Effect<unknown, never, Scope.Scope> {
    const index = child % this.program.plans.length
    const plan = this.program.plans[index]
    const name = `c${index}`
    switch (what) {
      case "wait":
        return TestClock.adjust(ms)
      case "start":
        return Effect.forkScoped(Effect.ignore(supervisor.startChild(this.child(name, plan))))
      case "stop":
        this.alone.add(name)
        return Effect.forkScoped(Effect.ignore(supervisor.stopChild(name)))
      case "stale":
        // All but the newest are of generations long gone.
        for (const old of this.signals.get(name)?.slice(0, -1) ?? []) old.die("stale")
        return Effect.void
      default: {
        const quits = what === "poison" || (what === "end" && plan.restart !== "permanent")
        if (quits || plan.restart === "temporary") this.alone.add(name)
        this.asked++
        return this.enders.get(name)?.(what) ?? Effect.void
      }
    }
  }
}

const pause = (ms: number): Effect.Effect<void> => (ms > 0 ? Effect.sleep(ms) : Effect.void)

const exits: Record<Exclude<End, "noise">, Effect.Effect<void, Wrong>> = {
  fail: Effect.fail(new Boom({ n: 1 })),
  poison: Effect.fail(new Poison({ n: 1 })),
  die: Effect.die("bug"),
  end: Effect.void,
}

const signalled = (signal: Child.Signal<Said>, end: End): void => {
  if (end === "fail") signal.fail(new Boom({ n: 1 }))
  else if (end === "poison") signal.fail(new Poison({ n: 1 }))
  else if (end === "noise") signal.fail(new Noise({ level: 1 }))
  else if (end === "die") signal.die("bug")
  else signal.end()
}

const run = (program: Program) =>
  Effect.gen(function* () {
    const world = new World(program)
    const scope = yield* Scope.make()
    // Children take time to start, so make must not be waited for before time passes.
    const making = yield* Effect.forkScoped(
      Supervisor.make({
        name: "root",
        strategy: program.strategy,
        policy,
        backoff,
        intensity: { restartsMax: program.restartsMax, windowMs },
        children: program.plans.map((plan, i) => world.child(`c${i}`, plan)),
      }).pipe(Scope.extend(scope)),
    )
    yield* TestClock.adjust(500)
    const supervisor = yield* Fiber.join(making)
    const events = yield* supervisor.events
    const names = yield* Effect.runtime<never>()
    world.order = () => Runtime.runSync(names)(supervisor.list)
    const seen: Array<SupervisorEvent> = []
    for (const step of program.steps) {
      yield* world.step(supervisor, step)
      yield* settle
      seen.push(...(yield* taken(events)))
    }
    yield* TestClock.adjust(20_000)
    seen.push(...(yield* taken(events)))
    const tree = yield* supervisor.snapshot()
    const gaveUp = seen.some((event) => event._tag === "GaveUp")
    const liveBefore = [...world.live]
    world.closing = true
    yield* Scope.close(scope, Exit.void).pipe(Effect.fork, Effect.zipLeft(TestClock.adjust(5_000)))
    return { world, seen, tree, gaveUp, liveBefore }
  }).pipe(
    Effect.scoped,
    Effect.withRandom(Random.make(program.seed)),
    Effect.provide(TestContext.TestContext),
  )

type Outcome = Effect.Effect.Success<ReturnType<typeof run>>

const checkIntensity = ({ seen, gaveUp }: Outcome, restartsMax: number): void => {
  const restarts = seen.filter((event) => event._tag === "Decided" && event.verdict === "restart")
  const within = (atMs: number) =>
    restarts.filter((other) => other.atMs <= atMs && atMs - other.atMs < windowMs).length
  for (const restart of restarts) expect(within(restart.atMs)).toBeLessThanOrEqual(restartsMax)
  const end = seen.find((event) => event._tag === "GaveUp")
  // No child is fatal here, and none gets stuck: only the intensity makes it give up.
  if (gaveUp) expect(within(end?.atMs ?? 0)).toBe(restartsMax)
}

const checkRest = ({ tree, gaveUp, liveBefore, world }: Outcome): void => {
  if (gaveUp) {
    expect(liveBefore).toEqual([])
    expect(tree).toMatchObject({ state: "ended", children: [] })
    return
  }
  const running = tree.children?.filter((node) => node.state === "running") ?? []
  expect(running.map((node) => node.name).sort()).toEqual([...liveBefore].sort())
  for (const node of tree.children ?? []) expect(["running", "ended"]).toContain(node.state)
  expect(world.live.size).toBe(0)
}

describe("a supervisor under random failures", () => {
  it("keeps generations apart, neighbours in order, and within its intensity", async () => {
    let restarted = 0
    let gaveUp = 0
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const outcome = await Effect.runPromise(run(program))
        const { world, seen } = outcome
        expect(world.violations).toEqual([])
        checkIntensity(outcome, program.restartsMax)
        checkRest(outcome)
        const decided = seen.filter((event) => event._tag === "Decided")
        expect(decided.length).toBeLessThanOrEqual(world.asked)
        expect(decided.filter((event) => event.reason.includes("stale"))).toEqual([])
        restarted += decided.filter((event) => event.verdict === "restart").length
        gaveUp += outcome.gaveUp ? 1 : 0
      }),
      { numRuns: 60 },
    )
    // Programs that never restart or never give up would prove nothing.
    expect(restarted).toBeGreaterThan(20)
    expect(gaveUp).toBeGreaterThan(2)
  }, 60_000)
})
