import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { noBackoff } from "./Backoff.js"
import * as Child from "./Child.js"
import * as Policy from "./Policy.js"
import { Boom, childOf, Poison, Probe, policy, settle, states, taken } from "./Probe.fixture.js"
import * as Supervisor from "./Supervisor.js"

const boom = new Boom({ n: 1 })
const settings = { name: "root", policy, backoff: noBackoff }
const cannotFail = Policy.make({ errors: {}, defect: "escalate" })

/** A supervisor in a scope that the test closes. */
const scoped = (probe: Probe, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const children = names.map((name) => probe.fiber(name))
    const supervisor = yield* Scope.extend(Supervisor.make({ ...settings, children }), scope)
    return { supervisor, close: Scope.close(scope, Exit.void), scope }
  })

describe("closing", () => {
  it.effect("stops children in reverse order, between the finalizers around it", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const note = (text: string) =>
        Effect.addFinalizer(() => Effect.sync(() => probe.log.push(text)))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* note("outer")
          const supervisor = yield* Supervisor.make({
            ...settings,
            children: [probe.fiber("a")],
          })
          yield* supervisor.startChild(probe.fiber("c"))
          yield* note("inner")
        }),
      )
      expect(probe.take()).toBe("+a +c inner -c -a outer")
    }),
  )

  it.effect("interrupting the parent stops all", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const parent = yield* Effect.fork(
        Effect.scoped(
          Effect.zipRight(
            Supervisor.make({ ...settings, children: [probe.fiber("a"), probe.fiber("b")] }),
            Effect.never,
          ),
        ),
      )
      yield* settle
      yield* Fiber.interrupt(parent)
      expect(probe.take()).toBe("+a +b -b -a")
    }),
  )

  it.effect("interrupting the parent while children start stops what has started", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const slow = Child.fiber({ name: "slow", start: Effect.never, run: () => Effect.void })
      const parent = yield* Effect.fork(
        Effect.scoped(
          Supervisor.make({
            ...settings,
            strategy: "rest-for-one",
            children: [probe.fiber("a"), slow, probe.fiber("b")],
          }),
        ),
      )
      yield* settle
      yield* Fiber.interrupt(parent)
      expect(probe.take()).toBe("+a -a")
    }),
  )

  it.effect("gives each child its time and goes on without those that are stuck", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor, close } = yield* scoped(probe, ["a", "b", "c"])
      const events = yield* supervisor.events
      const gate = yield* Deferred.make<void>()
      probe.gates.set("b", gate)
      probe.take()
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust(4_999)
      expect(probe.take()).toBe("-c")
      expect((yield* supervisor.snapshot()).state).toBe("stopping")
      yield* TestClock.adjust(1)
      expect(probe.take()).toBe("-a")
      yield* Fiber.join(closing)
      expect((yield* supervisor.snapshot()).state).toBe("ended")
      expect((yield* taken(events)).map((event) => [event.path, event._tag])).toEqual([
        ["root/c", "Stopped"],
        ["root/b", "Stuck"],
        ["root/a", "Stopped"],
        ["root", "Closed"],
      ])
      yield* Deferred.succeed(gate, undefined)
    }).pipe(Effect.scoped),
  )

  it.effect("starts nothing afterwards, and answers those that wait", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor, close } = yield* scoped(probe, ["a"])
      const slow = Child.passive({ name: "slow", start: () => Effect.never })
      const waiting = yield* Effect.fork(Effect.flip(supervisor.startChild(slow)))
      yield* settle
      yield* close
      expect((yield* Fiber.join(waiting))._tag).toBe("SupervisorClosed")
      const refused = yield* Effect.flip(supervisor.startChild(probe.fiber("late")))
      expect(refused._tag).toBe("SupervisorClosed")
      expect(yield* supervisor.stopChild("a")).toBe(false)
      yield* close
      expect(probe.take()).toBe("+a -a")
    }),
  )
})

describe("dynamic children", () => {
  it.scoped("start last, run when startChild returns, stop by name", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor } = yield* scoped(probe, ["a"])
      yield* supervisor.startChild(probe.fiber("b"))
      expect(probe.take()).toBe("+a +b")
      expect(yield* supervisor.list).toEqual(["a", "b"])
      expect(yield* supervisor.stopChild("b")).toBe(true)
      expect(probe.take()).toBe("-b")
      expect(yield* supervisor.stopChild("b")).toBe(false)
      expect(yield* supervisor.stopChild("unknown")).toBe(false)
    }),
  )

  it.scoped("two that stop the same child both wait for it", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor } = yield* scoped(probe, ["a"])
      const gate = yield* Deferred.make<void>()
      probe.gates.set("a", gate)
      const stops = yield* Effect.forEach([1, 2], () => Effect.fork(supervisor.stopChild("a")))
      yield* settle
      expect(probe.take()).toBe("+a")
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Effect.forEach(stops, Fiber.join)).toEqual([true, true])
      expect(probe.take()).toBe("-a")
    }),
  )

  it.scoped("have unique names, also while they start or stop", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor } = yield* scoped(probe, ["a"])
      const error = yield* Effect.flip(supervisor.startChild(probe.fiber("a")))
      expect(error).toMatchObject({ _tag: "ChildNameTaken", supervisor: "root", child: "a" })
      const starts = yield* Effect.forEach(
        [1, 2],
        () => Effect.exit(supervisor.startChild(probe.fiber("b"))),
        { concurrency: 2 },
      )
      expect(starts.map(Exit.isSuccess).sort()).toEqual([false, true])
      expect(probe.take()).toBe("+a +b")
    }),
  )

  it.scoped("are refused beyond the limit", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* Supervisor.make({ ...settings, childrenMax: 1 })
      yield* supervisor.startChild(probe.fiber("a", { restart: "temporary" }))
      const error = yield* Effect.flip(supervisor.startChild(probe.fiber("b")))
      expect(error).toMatchObject({ _tag: "ChildrenMax", childrenMax: 1 })
      yield* probe.end("a")
      yield* supervisor.startChild(probe.fiber("b"))
    }),
  )

  it.scoped("that are set aside while they start are reported and listed", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor } = yield* scoped(probe, [])
      probe.failedStarts.set("a", [boom, new Poison({ n: 1 })])
      const error = yield* Effect.flip(supervisor.startChild(probe.fiber("a")))
      expect(error).toMatchObject({ _tag: "ChildStartFailed", child: "a", reason: "Poison" })
      expect(states(yield* supervisor.snapshot())).toBe("a:ended")
      yield* supervisor.startChild(probe.fiber("a"))
      expect(probe.take()).toBe("+a")
    }),
  )

  it.scoped("are taken back when the caller no longer waits for the start", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor } = yield* scoped(probe, [])
      const slow = Child.fiber({
        name: "slow",
        start: Effect.zipRight(
          Effect.addFinalizer(() => Effect.sync(() => probe.log.push("-slow"))),
          Effect.never,
        ),
        run: () => Effect.void,
      })
      const caller = yield* Effect.fork(supervisor.startChild(slow))
      yield* settle
      yield* Fiber.interrupt(caller)
      expect(probe.take()).toBe("-slow")
      expect(yield* supervisor.list).toEqual([])
    }),
  )

  it.scoped("get the services of whoever starts them, at every start", () =>
    Effect.gen(function* () {
      class Word extends Context.Tag("Word")<Word, string>() {}
      const said: Array<string> = []
      let signal: Child.Signal<Boom> | undefined
      const child = Child.passive({
        name: "a",
        start: (mine: Child.Signal<Boom>) =>
          Effect.map(Word, (word) => {
            signal = mine
            said.push(word)
          }),
      })
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy: Policy.make<never, Boom>({ errors: { Boom: "restart" }, defect: "escalate" }),
        backoff: noBackoff,
      })
      yield* Effect.provideService(supervisor.startChild(child), Word, "hello")
      signal?.fail(boom)
      yield* settle
      expect(said).toEqual(["hello", "hello"])
    }),
  )
})

describe("children that do not stop", () => {
  it.scoped("keep their name until they do", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const { supervisor } = yield* scoped(probe, ["a", "b"])
      const gate = yield* Deferred.make<void>()
      probe.gates.set("a", gate)
      const stop = yield* Effect.fork(Effect.flip(supervisor.stopChild("a")))
      yield* TestClock.adjust(5_000)
      expect(yield* Fiber.join(stop)).toMatchObject({ _tag: "ChildStuck", stopTimeoutMs: 5_000 })
      expect((yield* Effect.flip(supervisor.stopChild("a")))._tag).toBe("ChildStuck")
      expect((yield* Effect.flip(supervisor.startChild(probe.fiber("a"))))._tag).toBe(
        "ChildNameTaken",
      )
      expect(states(yield* supervisor.snapshot())).toBe("a:stuck b:running")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      probe.gates.clear()
      yield* supervisor.startChild(probe.fiber("a"))
      expect(probe.take()).toBe("+a +b -a +a")
    }),
  )

  it.scoped("are never started a second time beside themselves: the supervisor gives up", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const gate = yield* Deferred.make<void>()
      probe.gates.set("a", gate)
      const supervisor = yield* Supervisor.make({
        ...settings,
        children: [probe.fiber("a", { stopTimeoutMs: 100 }), probe.fiber("b")],
      })
      yield* probe.fail("a", boom)
      yield* TestClock.adjust(99)
      expect(childOf(yield* supervisor.snapshot(), "a")?.state).toBe("stopping")
      yield* TestClock.adjust(1)
      const error = yield* Effect.flip(supervisor.failed)
      expect(error).toMatchObject({ _tag: "Escalated", child: "a", tag: "Stuck" })
      expect(probe.take()).toBe("+a +b -b")
      yield* Deferred.succeed(gate, undefined)
    }),
  )

  it.scoped("or whose finalizer dies count as stopped, and it is reported", () =>
    Effect.gen(function* () {
      const supervisor = yield* Supervisor.make({ ...settings, policy: cannotFail })
      const events = yield* supervisor.events
      yield* supervisor.startChild(
        Child.passive({ name: "a", start: () => Effect.addFinalizer(() => Effect.die("rust")) }),
      )
      expect(yield* supervisor.stopChild("a")).toBe(true)
      expect(yield* taken(events)).toMatchObject([
        { _tag: "Started" },
        { _tag: "StopFailed", reason: "defect: rust" },
        { _tag: "Stopped" },
      ])
    }),
  )
})

describe("passive children", () => {
  it.scoped("may signal before their start is over", () =>
    Effect.gen(function* () {
      let starts = 0
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy: Policy.make<never, Boom>({ errors: { Boom: "restart" }, defect: "escalate" }),
        backoff: noBackoff,
      })
      yield* supervisor.startChild(
        Child.passive({
          name: "a",
          start: (signal: Child.Signal<Boom>) =>
            Effect.suspend(() => {
              starts++
              if (starts > 1) return Effect.void
              signal.fail(boom)
              return Effect.never
            }),
        }),
      )
      expect(starts).toBe(2)
    }),
  )

  it.scoped("end and die by signal", () =>
    Effect.gen(function* () {
      const signals = new Map<string, Child.Signal<never>>()
      const supervisor = yield* Supervisor.make({ ...settings, policy: cannotFail })
      for (const name of ["a", "b"]) {
        yield* supervisor.startChild(
          Child.passive({
            name,
            restart: "transient",
            start: (signal: Child.Signal<never>) =>
              Effect.sync(() => {
                signals.set(name, signal)
              }),
          }),
        )
      }
      signals.get("a")?.end()
      yield* settle
      expect(states(yield* supervisor.snapshot())).toBe("a:ended b:running")
      signals.get("b")?.die(new TypeError("bug"))
      const error = yield* Effect.flip(supervisor.failed)
      expect(error).toMatchObject({ tag: "Defect", reason: "defect: TypeError: bug" })
      expect(Cause.squash(error.cause)).toBeInstanceOf(TypeError)
    }),
  )

  it.scoped("are cheap to have by the thousand, and the tree shows only so many", () =>
    Effect.gen(function* () {
      const supervisor = yield* Supervisor.make({ ...settings, policy: cannotFail })
      for (let i = 0; i < 1_500; i++) {
        yield* supervisor.startChild(Child.passive({ name: `q${i}`, start: () => Effect.void }))
      }
      const tree = yield* supervisor.snapshot()
      expect(tree.children?.length).toBe(1_000)
      expect(tree.childrenOmitted).toBe(500)
      expect((yield* supervisor.snapshot({ childrenMax: 3 })).childrenOmitted).toBe(1_497)
    }),
  )
})

describe("the author's mistakes", () => {
  const died = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
    Effect.map(Effect.exit(Effect.scoped(effect)), (exit) =>
      Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "no failure",
    )

  it.effect("are defects that name the setting", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const make = (wrong: object) => died(Supervisor.make({ ...settings, ...wrong }))
      expect(yield* make({ intensity: { restartsMax: -1, windowMs: 1 } })).toContain("restartsMax")
      expect(yield* make({ intensity: { restartsMax: 1, windowMs: 0 } })).toContain("windowMs")
      expect(yield* make({ backoff: { ...noBackoff, jitter: 2 } })).toContain("jitter")
      expect(yield* make({ childrenMax: 1e9 })).toContain("childrenMax")
      expect(yield* make({ name: "" })).toContain("a name has")
      const twice = [probe.fiber("a"), probe.fiber("a")]
      expect(yield* make({ children: twice })).toContain("already has a child a")
      const never = [probe.fiber("a", { stopTimeoutMs: Number.NaN })]
      expect(yield* make({ children: never })).toContain("stopTimeoutMs")
      expect(probe.take()).toBe("+a -a")
    }),
  )

  it.scoped("include two supervisors within one child, but not one after the other", () =>
    Effect.gen(function* () {
      const inner = Supervisor.make({ ...settings, policy: cannotFail })
      const parents = Policy.make<Effect.Effect.Error<typeof inner>>({
        errors: { MaxRestarts: "stop", Escalated: "stop" },
        defect: "stop",
      })
      const outer = yield* Supervisor.make({ name: "root", policy: parents })
      const both = Child.passive({ name: "both", start: () => Effect.zipRight(inner, inner) })
      const error = yield* Effect.flip(outer.startChild(both))
      expect(error.message).toContain("root/both already holds a supervisor")
      const inTurn = Effect.zipRight(Effect.scoped(inner), inner)
      yield* outer.startChild(Child.passive({ name: "in-turn", start: () => inTurn }))
    }),
  )
})
