/** Wall clock of one node set by an hour, either way, under libfaketime; then set right. */
import { existsSync, writeFileSync } from "node:fs"
import { anyNode, type Fault } from "../Fault.js"

const places = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib64/faketime/libfaketimeMT.so.1",
  "/usr/local/lib/faketime/libfaketimeMT.so.1",
]

/** libfaketime where SKEIN_TEST_FAKETIME says, or where packages put it. */
export const findFakeTime = (): string | undefined =>
  [process.env.SKEIN_TEST_FAKETIME ?? "", ...places].find((place) => place && existsSync(place))

export const stepClock: Fault = {
  name: "step-clock",
  probe: ({ fakeTime }) =>
    fakeTime === undefined
      ? "needs libfaketime: install faketime, or name the library in SKEIN_TEST_FAKETIME"
      : undefined,
  holdMs: [500, 2_000],
  aim: (ground) => {
    const { name, clock } = anyNode(ground)
    const step = ground.prng.chance(0.5) ? "+3600" : "-3600"
    return {
      inject: async () => {
        if (clock === undefined) throw new Error(`${name} runs without libfaketime`)
        writeFileSync(clock.file, step)
        return {
          detail: `wall clock of ${name} ${step} s`,
          undo: async () => writeFileSync(clock.file, "+0"),
        }
      },
    }
  },
}
