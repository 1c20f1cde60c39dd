import { describe, expect, it } from "@effect/vitest"
import {
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Option,
  Queue,
  Random,
  Scope,
  TestClock,
} from "effect"
import { noBackoff } from "./Backoff.js"
import * as Child from "./Child.js"
import * as Policy from "./Policy.js"
import {
  Boom,
  childOf,
  Fatal,
  noChance,
  Poison,
  Probe,
  policy,
  settle,
  states,
  taken,
} from "./Probe.fixture.js"
import * as Supervisor from "./Supervisor.js"
import type { Strategy } from "./TreeNode.js"

const boom = new Boom({ n: 1 })

/** Children a, b and c that restart at once. */
const abc = (probe: Probe, strategy: Strategy) =>
  Supervisor.make({
    name: "root",
    strategy,
    policy,
    backoff: noBackoff,
    children: [probe.fiber("a"), probe.fiber("b"), probe.fiber("c")],
  })

describe("strategies", () => {
  it.scoped("one-for-one restarts the child that failed", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      yield* abc(probe, "one-for-one")
      expect(probe.take()).toBe("+a +b +c")
      yield* probe.fail("b", boom)
      expect(probe.take()).toBe("-b +b")
    }),
  )

  it.scoped("one-for-all stops all in reverse order and starts all in order", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      yield* abc(probe, "one-for-all")
      probe.take()
      yield* probe.fail("b", boom)
      expect(probe.take()).toBe("-c -b -a +a +b +c")
    }),
  )

  it.scoped("rest-for-one stops and starts the child and those after it", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* abc(probe, "rest-for-one")
      probe.take()
      yield* probe.fail("b", boom)
      expect(probe.take()).toBe("-c -b +b +c")
      const tree = yield* supervisor.snapshot()
      expect(tree.children?.map((child) => child.restarts)).toEqual([0, 1, 1])
    }),
  )

  it.scoped("an earlier child that fails while a later one waits is waited for as well", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      yield* Supervisor.make({
        name: "root",
        strategy: "rest-for-one",
        policy,
        backoff: { firstMs: 100, factor: 1, maxMs: 100, jitter: 0 },
        children: [probe.fiber("a"), probe.fiber("b"), probe.fiber("c")],
      })
      probe.take()
      yield* probe.fail("b", boom)
      expect(probe.take()).toBe("-c -b")
      yield* TestClock.adjust(60)
      yield* probe.fail("a", boom)
      expect(probe.take()).toBe("-a")
      yield* TestClock.adjust(99)
      expect(probe.take()).toBe("")
      yield* TestClock.adjust(1)
      expect(probe.take()).toBe("+a +b +c")
    }),
  )

  it.scoped("a child that fails while it waits to be stopped is one failure, not two", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const gate = yield* Deferred.make<void>()
      probe.gates.set("c", gate)
      const supervisor = yield* abc(probe, "one-for-all")
      const events = yield* supervisor.events
      yield* probe.fail("b", boom)
      yield* probe.fail("a", boom)
      probe.gates.clear()
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(probe.take()).toBe("+a +b +c -c -b -a +a +b +c")
      const decided = (yield* taken(events)).filter((event) => event._tag === "Decided")
      expect(decided.map((event) => event.path)).toEqual(["root/b"])
    }),
  )

  it.scoped("an ended sibling stays ended, a temporary one is not started again", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* Supervisor.make({
        name: "root",
        strategy: "one-for-all",
        policy,
        backoff: noBackoff,
        children: [
          probe.fiber("once", { restart: "transient" }),
          probe.fiber("extra", { restart: "temporary" }),
          probe.fiber("main"),
        ],
      })
      yield* probe.end("once")
      probe.take()
      yield* probe.fail("main", boom)
      expect(probe.take()).toBe("-main -extra +main")
      expect(states(yield* supervisor.snapshot())).toBe("once:ended main:running")
    }),
  )
})

describe("restart types", () => {
  const one = (probe: Probe, restart: Child.RestartType) =>
    Supervisor.make({
      name: "root",
      policy,
      backoff: noBackoff,
      children: [probe.fiber("a", { restart })],
    })

  it.scoped("permanent starts again after every end", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      yield* one(probe, "permanent")
      yield* probe.end("a")
      yield* probe.end("a", Effect.interrupt)
      yield* probe.end("a", Effect.die("bug"))
      expect(probe.take()).toBe("+a -a +a -a +a -a +a")
    }),
  )

  it.scoped("transient starts again after a failure only, and is listed when it ended", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* one(probe, "transient")
      yield* probe.fail("a", boom)
      expect(probe.take()).toBe("+a -a +a")
      yield* probe.end("a")
      expect(probe.take()).toBe("-a")
      expect(childOf(yield* supervisor.snapshot(), "a")?.state).toBe("ended")
      // Its name is free for a new one.
      yield* supervisor.startChild(probe.fiber("a"))
      expect(probe.take()).toBe("+a")
    }),
  )

  it.scoped("temporary never starts again and is forgotten", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* one(probe, "temporary")
      yield* probe.fail("a", boom)
      expect(probe.take()).toBe("+a -a")
      expect(yield* supervisor.list).toEqual([])
    }),
  )
})

describe("policy", () => {
  it.scoped("stop sets the child aside and the others go on", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* abc(probe, "one-for-all")
      probe.take()
      yield* probe.fail("b", new Poison({ n: 1 }))
      expect(probe.take()).toBe("-b")
      const tree = yield* supervisor.snapshot()
      expect(states(tree)).toBe("a:running b:ended c:running")
      expect(childOf(tree, "b")?.lastCause).toBe("Poison")
      expect(yield* supervisor.stopChild("b")).toBe(true)
      expect(yield* supervisor.list).toEqual(["a", "c"])
    }),
  )

  it.scoped("resume leaves a passive child open and counts nothing", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      let signal: Child.Signal<Boom> | undefined
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy: Policy.make<never, Boom>({
          errors: { Boom: (error) => (error.n < 3 ? "resume" : "restart") },
          defect: "escalate",
        }),
        intensity: { restartsMax: 1, windowMs: 1_000 },
        backoff: noBackoff,
        children: [
          Child.passive({
            name: "a",
            start: (mine: Child.Signal<Boom>) =>
              Effect.acquireRelease(
                Effect.sync(() => {
                  signal = mine
                  heard.push("open")
                }),
                () => Effect.sync(() => heard.push("close")),
              ),
          }),
        ],
      })
      const events = yield* supervisor.events
      for (const n of [0, 1, 2]) {
        // Signals that come before the first has been dealt with are dropped: no storm piles up.
        for (let i = 0; i < 100; i++) signal?.fail(new Boom({ n }))
        yield* settle
      }
      expect((yield* taken(events)).map((event) => event._tag)).toEqual(Array(3).fill("Decided"))
      expect(heard).toEqual(["open"])
      expect(childOf(yield* supervisor.snapshot(), "a")?.lastCause).toBe("Boom")
      signal?.fail(new Boom({ n: 3 }))
      yield* settle
      expect(heard).toEqual(["open", "close", "open"])
    }),
  )

  it.scoped("a start that fails is judged and counted like any failure", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      probe.failedStarts.set("a", [boom, boom])
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy,
        backoff: noBackoff,
        intensity: { restartsMax: 2, windowMs: 1_000 },
        children: [probe.fiber("a"), probe.fiber("b")],
      })
      expect(probe.take().split(" ").sort()).toEqual(["+a", "+b"])
      expect(childOf(yield* supervisor.snapshot(), "a")?.restarts).toBe(2)
      yield* probe.fail("b", boom)
      expect((yield* Effect.flip(supervisor.failed))._tag).toBe("MaxRestarts")
    }),
  )

  it.scoped("later children of a group wait for the start of an earlier one", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      probe.failedStarts.set("a", [boom])
      yield* abc(probe, "rest-for-one")
      expect(probe.take()).toBe("+a +b +c")
    }),
  )
})

describe("intensity", () => {
  const tight = (probe: Probe) =>
    Supervisor.make({
      name: "root",
      policy,
      backoff: noBackoff,
      intensity: { restartsMax: 2, windowMs: 1_000 },
      children: [probe.fiber("a"), probe.fiber("b")],
    })

  it.scoped("escalates the restart that is one too many, counted over all children", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* tight(probe)
      yield* probe.fail("a", boom)
      yield* TestClock.adjust(999)
      yield* probe.fail("b", boom)
      probe.take()
      yield* probe.fail("a", boom)
      expect(probe.take()).toBe("-b -a")
      const error = yield* Effect.flip(supervisor.failed)
      expect(error).toMatchObject({
        _tag: "MaxRestarts",
        supervisor: "root",
        child: "a",
        restartsMax: 2,
        windowMs: 1_000,
        reason: "Boom",
      })
      expect(error.message).toContain("more than 2 restarts in 1000 ms")
    }),
  )

  it.scoped("forgets a restart exactly when its window has passed", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* tight(probe)
      yield* probe.fail("a", boom)
      yield* TestClock.adjust(500)
      yield* probe.fail("a", boom)
      yield* TestClock.adjust(500)
      yield* probe.fail("a", boom)
      expect(states(yield* supervisor.snapshot())).toBe("a:running b:running")
      yield* TestClock.adjust(499)
      yield* probe.fail("a", boom)
      expect((yield* Effect.flip(supervisor.failed))._tag).toBe("MaxRestarts")
    }),
  )

  it.scoped("a child that fails at once without backoff cannot spin", () =>
    Effect.gen(function* () {
      let starts = 0
      const spinning = Supervisor.make({
        name: "root",
        policy,
        backoff: noBackoff,
        intensity: { restartsMax: 100, windowMs: 1_000 },
        children: [
          Child.fiber({
            name: "a",
            run: () =>
              Effect.zipRight(
                Effect.sync(() => starts++),
                Effect.fail(boom),
              ),
          }),
        ],
      })
      const supervisor = yield* spinning
      expect((yield* Effect.flip(supervisor.failed))._tag).toBe("MaxRestarts")
      expect(starts).toBe(101)
    }),
  )
})

describe("backoff", () => {
  it.scoped("doubles with each restart of that child, up to the cap, then starts over", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy,
        backoff: { firstMs: 100, factor: 2, maxMs: 300, jitter: 0.5 },
        intensity: { restartsMax: 10, windowMs: 10_000 },
        children: [probe.fiber("a"), probe.fiber("b")],
      })
      for (const delay of [100, 200, 300, 300]) {
        yield* probe.fail("a", boom)
        yield* TestClock.adjust(delay - 1)
        expect(childOf(yield* supervisor.snapshot(), "a")?.state).toBe("waiting")
        yield* TestClock.adjust(1)
        expect(childOf(yield* supervisor.snapshot(), "a")?.state).toBe("running")
      }
      yield* probe.fail("b", boom)
      yield* TestClock.adjust(100)
      expect(childOf(yield* supervisor.snapshot(), "b")?.state).toBe("running")
      yield* TestClock.adjust(10_000)
      yield* probe.fail("a", boom)
      yield* TestClock.adjust(100)
      expect(childOf(yield* supervisor.snapshot(), "a")?.state).toBe("running")
    }).pipe(noChance),
  )

  it.scoped("takes its jitter from the Random service", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy,
        backoff: { firstMs: 100, factor: 1, maxMs: 100, jitter: 0.5 },
        children: [probe.fiber("a")],
      })
      const events = yield* supervisor.events
      yield* probe.fail("a", boom)
      yield* TestClock.adjust(100)
      yield* probe.fail("a", boom)
      const delays = (yield* taken(events)).flatMap((event) =>
        event._tag === "Decided" ? [event.delayMs] : [],
      )
      expect(delays).toEqual([90, 75])
    }).pipe(Effect.withRandom(Random.fixed([0.2, 0.5]))),
  )

  it.scoped("a child that is stopped while it waits does not start again", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy,
        children: [probe.fiber("a")],
      })
      yield* probe.fail("a", boom)
      expect(yield* supervisor.stopChild("a")).toBe(true)
      yield* TestClock.adjust(60_000)
      expect(probe.take()).toBe("+a -a")
    }),
  )
})

describe("escalation", () => {
  it.scoped("a fatal error stops all children, then fails with Escalated", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* abc(probe, "one-for-one")
      const failed = yield* Effect.fork(Effect.flip(supervisor.failed))
      probe.take()
      yield* probe.fail("b", new Fatal({ why: "disk" }))
      expect(probe.take()).toBe("-c -b -a")
      expect(yield* Fiber.join(failed)).toMatchObject({
        _tag: "Escalated",
        supervisor: "root",
        child: "b",
        tag: "Fatal",
      })
    }),
  )

  it.scoped("is heard only when the last child has stopped", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const gate = yield* Deferred.make<void>()
      probe.gates.set("a", gate)
      const supervisor = yield* abc(probe, "one-for-one")
      const failed = yield* Effect.fork(Effect.flip(supervisor.failed))
      yield* probe.fail("c", new Fatal({ why: "disk" }))
      expect(yield* Fiber.poll(failed)).toEqual(Option.none())
      yield* Deferred.succeed(gate, undefined)
      expect((yield* Fiber.join(failed)).child).toBe("c")
      expect(probe.take()).toBe("+a +b +c -c -b -a")
    }),
  )

  it.effect("a child that gives up during the first start fails make", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      probe.failedStarts.set("b", [new Fatal({ why: "no disk" })])
      const exit = yield* Effect.exit(Effect.scoped(abc(probe, "rest-for-one")))
      expect(Option.getOrThrow(Exit.causeOption(exit))).toMatchObject({
        error: { _tag: "Escalated", child: "b" },
      })
      expect(probe.take()).toBe("+a -a")
    }),
  )

  it.scoped("goes up two levels, each with its own count", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const parents = Policy.make<Child.ErrorOf<ReturnType<typeof Supervisor.child>>>({
        errors: { MaxRestarts: "restart", Escalated: "escalate" },
        defect: "escalate",
      })
      const once = { backoff: noBackoff, intensity: { restartsMax: 1, windowMs: 1_000 } }
      const leaf = Supervisor.child({
        ...once,
        name: "leaf",
        policy,
        children: [probe.fiber("x"), probe.fiber("y")],
      })
      const middle = Supervisor.child({
        ...once,
        name: "middle",
        policy: parents,
        children: [leaf],
      })
      const root = yield* Supervisor.make({
        ...once,
        name: "root",
        policy: parents,
        children: [middle],
      })
      const crash = Effect.zipRight(probe.fail("x", boom), probe.fail("x", boom))
      yield* crash
      expect(probe.take()).toBe("+x +y -x +x -y -x +x +y")
      const tree = yield* root.snapshot()
      const middleNode = childOf(tree, "middle")
      expect(middleNode).toMatchObject({ kind: "supervisor", restarts: 0, state: "running" })
      expect(middleNode?.children?.[0]).toMatchObject({ name: "leaf", restarts: 1 })
      // The second time the middle gives up, the third time the root.
      yield* crash
      expect(childOf(yield* root.snapshot(), "middle")?.restarts).toBe(1)
      yield* Effect.zipRight(crash, crash)
      const error = yield* Effect.flip(root.failed)
      expect(error).toMatchObject({ _tag: "MaxRestarts", supervisor: "root", child: "middle" })
      expect(error.reason).toContain("root/middle: more than 1 restarts")
    }),
  )
})

describe("stale reports", () => {
  it.scoped("a signal of an earlier generation is dropped", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const signals: Array<Child.Signal<Boom>> = []
      const supervisor = yield* Supervisor.make({
        name: "root",
        policy: Policy.make<never, Boom>({ errors: { Boom: "restart" }, defect: "escalate" }),
        backoff: noBackoff,
        children: [
          Child.passive({
            name: "a",
            start: (signal: Child.Signal<Boom>) =>
              Effect.sync(() => {
                log.push("+a")
                signals.push(signal)
              }),
          }),
        ],
      })
      const first = signals[0]
      first.fail(boom)
      // While the first is being dealt with, and after it, nothing else of that generation counts.
      first.die("also")
      yield* settle
      first.die("late")
      first.end()
      yield* settle
      expect(log).toEqual(["+a", "+a"])
      expect(childOf(yield* supervisor.snapshot(), "a")).toMatchObject({
        state: "running",
        restarts: 1,
        lastCause: "Boom",
      })
    }),
  )

  it.scoped("a child that fails while it is stopped is just stopped", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const supervisor = yield* abc(probe, "one-for-one")
      const events = yield* supervisor.events
      const stop = yield* Effect.fork(supervisor.stopChild("b"))
      yield* probe.fail("b", new Fatal({ why: "late" }))
      expect(yield* Fiber.join(stop)).toBe(true)
      const kinds = (yield* taken(events)).map((event) => event._tag)
      expect(kinds.filter((kind) => kind === "GaveUp")).toEqual([])
      expect(yield* supervisor.list).toEqual(["a", "c"])
    }),
  )
})

describe("events", () => {
  it.scoped("tell every decision of the tree, and a slow reader loses the oldest", () =>
    Effect.gen(function* () {
      const probe = new Probe()
      const scope = yield* Scope.make()
      const nested = Supervisor.child({
        name: "shard",
        policy,
        backoff: noBackoff,
        intensity: { restartsMax: 1_000, windowMs: 1_000 },
        children: [probe.fiber("a")],
      })
      const root = yield* Supervisor.make({
        name: "node",
        policy: Policy.make<Child.ErrorOf<typeof nested>>({
          errors: { MaxRestarts: "restart", Escalated: "restart" },
          defect: "escalate",
        }),
        children: [nested],
      }).pipe(Scope.extend(scope))
      const events = yield* root.events
      yield* TestClock.adjust(7)
      yield* probe.fail("a", boom)
      expect((yield* taken(events)).map((event) => [event.path, event._tag, event.atMs])).toEqual([
        ["node/shard/a", "Decided", 7],
        ["node/shard/a", "Stopped", 7],
        ["node/shard/a", "Started", 7],
      ])
      for (let i = 0; i < 90; i++) yield* probe.fail("a", boom)
      expect(yield* Queue.size(events)).toBe(256)
      yield* Scope.close(scope, Exit.void)
      expect((yield* taken(events)).at(-1)).toMatchObject({ path: "node", _tag: "Closed" })
      expect(yield* Effect.exit(root.failed)).toEqual(Exit.interrupt(FiberId.none))
    }),
  )
})
