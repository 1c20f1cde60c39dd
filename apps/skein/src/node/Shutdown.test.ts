import { ManualClock } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { Shutdown, type StopSignal, sameSignalMs, stopWithinMs } from "./Shutdown.js"

const setup = () => {
  const clock = new ManualClock()
  const handlers = new Map<StopSignal, () => void>()
  const exits: number[] = []
  const said: string[] = []
  const shutdown = new Shutdown({
    clock,
    on: (signal, run) => handlers.set(signal, run),
    exit: (code) => exits.push(code),
    say: (text) => said.push(text),
  })
  const send = (signal: StopSignal): void => handlers.get(signal)?.()
  return { clock, shutdown, send, exits, said }
}

describe("Shutdown", () => {
  it("the first signal asks for an orderly stop", async () => {
    const { shutdown, send, exits } = setup()
    send("SIGTERM")
    expect(await shutdown.requested).toBe("SIGTERM")
    expect(exits).toEqual([])
  })

  it("C5: one Ctrl-C that arrives twice is one", async () => {
    const { clock, shutdown, send, exits } = setup()
    send("SIGINT")
    clock.advance(sameSignalMs)
    send("SIGINT")
    expect(await shutdown.requested).toBe("SIGINT")
    expect(exits).toEqual([])
  })

  it("a second signal ends the process at once", () => {
    const { clock, send, exits, said } = setup()
    send("SIGTERM")
    clock.advance(sameSignalMs + 1)
    send("SIGINT")
    expect(exits).toEqual([130])
    expect(said[0]).toContain("SIGINT again")
  })

  it("the watchdog ends a stop that hangs, with a code that is not 0", () => {
    const { clock, shutdown, exits } = setup()
    shutdown.watch()
    clock.advance(stopWithinMs - 1)
    expect(exits).toEqual([])
    clock.advance(1)
    expect(exits).toEqual([1])
  })

  it("a signal that nobody heeds, because the start hangs, ends it within the same time", () => {
    const { clock, shutdown, send, exits } = setup()
    expect(shutdown.isRequested).toBe(false)
    send("SIGTERM")
    expect(shutdown.isRequested).toBe(true)
    clock.advance(stopWithinMs - 1)
    // Heeded late: the stop gets no second time.
    shutdown.watch()
    clock.advance(1)
    expect(exits).toEqual([1])
  })

  it("a stop in time is left alone", () => {
    const { clock, shutdown, exits } = setup()
    const unwatch = shutdown.watch()
    unwatch()
    clock.advance(10 * stopWithinMs)
    expect(exits).toEqual([])
  })
})
