import { Cause, Context, Effect, FiberId, type Scope } from "effect"
import { describe, expect, expectTypeOf, it } from "vitest"
import * as Child from "./Child.js"
import * as Policy from "./Policy.js"
import { Boom, Fatal, Noise } from "./Probe.fixture.js"
import type { SupervisorFailure } from "./SupervisionError.js"
import * as Supervisor from "./Supervisor.js"

class Thing extends Context.Tag("Thing")<Thing, number>() {}

const judge = (policy: Policy.Policy<never, never>, cause: Cause.Cause<unknown>) =>
  Policy.judge(policy, cause)

describe("the table is checked by the compiler", () => {
  type Table = Policy.ErrorTable<Boom | Fatal, Noise>

  it("has an entry for each tag and no other", () => {
    expectTypeOf<keyof Table>().toEqualTypeOf<"Boom" | "Fatal" | "Noise">()
    expectTypeOf<{ Boom: "restart"; Fatal: "stop"; Noise: "resume" }>().toExtend<Table>()
    expectTypeOf<{ Boom: "restart"; Noise: "resume" }>().not.toExtend<Table>()
    expectTypeOf<Record<never, never>>().toExtend<Policy.ErrorTable<never, never>>()
    expectTypeOf<Policy.PolicySpec<Boom, never>>().toHaveProperty("defect")
    expectTypeOf<{ errors: { Boom: "stop" } }>().not.toExtend<Policy.PolicySpec<Boom, never>>()
  })

  it("covers nothing unless told what", () => {
    const none = Policy.make({ errors: {}, defect: "stop" })
    expectTypeOf(none).toEqualTypeOf<Policy.Policy<never, never>>()
  })

  it("lets only signals of a child that is still open be resumed", () => {
    expectTypeOf<Table["Noise"]>().extract<string>().toEqualTypeOf<Policy.Verdict>()
    expectTypeOf<Table["Boom"]>().extract<string>().toEqualTypeOf<Policy.Ending>()
    // A tag that can also end the child cannot be resumed.
    expectTypeOf<Policy.ErrorTable<Boom, Boom>["Boom"]>()
      .extract<string>()
      .toEqualTypeOf<Policy.Ending>()
  })

  it("hands a function the error of its tag", () => {
    expectTypeOf<Table["Noise"]>()
      .extract<(error: Noise) => Policy.Verdict>()
      .parameter(0)
      .toEqualTypeOf<Noise>()
  })

  it("infers a child's errors, signals and needs", () => {
    const fiber = Child.fiber({
      name: "a",
      start: Effect.fail(new Boom({ n: 1 })),
      run: () => Effect.zipRight(Effect.scope, Effect.fail(new Fatal({ why: "" }))),
    })
    expectTypeOf(fiber).toEqualTypeOf<Child.Child<Boom | Fatal, never, never>>()
    const passive = Child.passive({
      name: "b",
      start: (signal: Child.Signal<Noise>) => Effect.sync(() => signal.end()),
    })
    expectTypeOf(passive).toEqualTypeOf<Child.Child<never, Noise, never>>()
    const silent = Child.passive({ name: "c", start: () => Effect.void })
    expectTypeOf(silent).toEqualTypeOf<Child.Child<never, never, never>>()
    expectTypeOf<Child.ErrorOf<typeof fiber>>().toEqualTypeOf<Boom | Fatal>()
    expectTypeOf<Child.SignalOf<typeof passive>>().toEqualTypeOf<Noise>()
  })

  it("lets a supervisor take only children that its policy covers", () => {
    type Covers = Supervisor.Supervisor<Boom, Noise>
    type Takes<C extends Child.Any> = C extends Parameters<Covers["startChild"]>[0] ? true : false
    expectTypeOf<Takes<Child.Child<Boom>>>().toEqualTypeOf<true>()
    expectTypeOf<Takes<Child.Child<never, Noise>>>().toEqualTypeOf<true>()
    expectTypeOf<Takes<Child.Child<Fatal>>>().toEqualTypeOf<false>()
    // Signalled only is not the same as ended with.
    expectTypeOf<Takes<Child.Child<Noise>>>().toEqualTypeOf<false>()

    type Options = Supervisor.SupervisorOptions<Boom, never, readonly [Child.Child<Fatal>]>
    expectTypeOf<readonly [Child.Child<Fatal>]>().not.toExtend<NonNullable<Options["children"]>>()
  })

  it("leaves nothing to be provided when children written in place need nothing", () => {
    const made = Supervisor.make({
      name: "root",
      policy: Policy.make<Boom>({ errors: { Boom: "restart" }, defect: "stop" }),
      children: [
        Child.fiber({ name: "a", run: () => Effect.fail(new Boom({ n: 1 })) }),
        Child.passive({ name: "b", start: () => Effect.scope }),
      ],
    })
    expectTypeOf<Effect.Effect.Context<typeof made>>().toEqualTypeOf<Scope.Scope>()
    const needy = Supervisor.make({
      name: "root",
      policy: Policy.make({ errors: {}, defect: "stop" }),
      children: [
        Child.fiber({ name: "a", run: () => Effect.void }),
        Child.fiber({ name: "b", run: () => Thing }),
      ],
    })
    expectTypeOf<Effect.Effect.Context<typeof needy>>().toEqualTypeOf<Scope.Scope | Thing>()
  })

  it("makes a parent say what MaxRestarts and Escalated mean to it", () => {
    const nested = Supervisor.child({
      name: "nested",
      policy: Policy.make({ errors: {}, defect: "stop" }),
    })
    expectTypeOf(nested).toEqualTypeOf<Child.Child<SupervisorFailure, never, never>>()
    expectTypeOf<keyof Policy.ErrorTable<Child.ErrorOf<typeof nested>, never>>().toEqualTypeOf<
      "MaxRestarts" | "Escalated"
    >()
  })
})

describe("judge", () => {
  const policy = Policy.make<Boom | Fatal, Noise>({
    errors: {
      Boom: (boom) => (boom.n > 1 ? "stop" : "restart"),
      Fatal: "escalate",
      Noise: (noise) => {
        if (noise.level > 9) throw new Error("too loud")
        return "resume"
      },
    },
    defect: (defect) => (defect === "harmless" ? "restart" : "escalate"),
  })

  it("follows the table", () => {
    expect(judge(policy, Cause.fail(new Boom({ n: 1 }))).verdict).toBe("restart")
    expect(judge(policy, Cause.fail(new Boom({ n: 2 }))).verdict).toBe("stop")
    expect(judge(policy, Cause.fail(new Fatal({ why: "" })))).toEqual({
      verdict: "escalate",
      tag: "Fatal",
    })
    expect(judge(policy, Cause.fail(new Noise({ level: 1 }))).verdict).toBe("resume")
  })

  it("treats a defect, and what the type does not name, as a bug", () => {
    expect(judge(policy, Cause.die("harmless")).verdict).toBe("restart")
    expect(judge(policy, Cause.die("other"))).toEqual({ verdict: "escalate", tag: "Defect" })
    expect(judge(policy, Cause.fail({ _tag: "constructor" })).tag).toBe("Defect")
    expect(judge(policy, Cause.fail({ _tag: "Unheard" })).tag).toBe("Defect")
    expect(judge(policy, Cause.fail(undefined)).tag).toBe("Defect")
  })

  it("lets a defect outweigh a failure, and a failure an interruption", () => {
    const boom = Cause.fail(new Boom({ n: 1 }))
    expect(judge(policy, Cause.parallel(boom, Cause.die("x"))).tag).toBe("Defect")
    expect(judge(policy, Cause.sequential(Cause.interrupt(FiberId.none), boom)).tag).toBe("Boom")
  })

  it("escalates when the decision itself throws", () => {
    expect(judge(policy, Cause.fail(new Noise({ level: 10 })))).toEqual({
      verdict: "escalate",
      tag: "PolicyThrew",
    })
  })
})
