/** The part that scenarios share: warm up, then cut laps. */
import type { Lap } from "../load/Meter.js"
import type { Rig } from "../load/Rig.js"
import type { OnStep } from "./Scenario.js"
import type { Settings } from "./Settings.js"

/** Starting a broker and the clean end of a take, as planned for the progress line. */
export const overheadSeconds = 2

export const plannedSeconds = (settings: Settings, windows: number): number =>
  overheadSeconds + settings.warmup + windows * settings.seconds

/** Warm-up is measured too, and thrown away. */
export const runWindows = async (
  rig: Rig,
  settings: Settings,
  windows: number,
  onStep: OnStep,
): Promise<readonly Lap[]> => {
  const planned = plannedSeconds(settings, windows)
  const laps: Lap[] = []
  onStep("warm-up", overheadSeconds / 2 / planned)
  await rig.hold(settings.warmup)
  rig.meter.cut()
  for (let index = 0; index < windows; index++) {
    const before = overheadSeconds / 2 + settings.warmup + index * settings.seconds
    const last = laps.at(-1)
    const rate = last ? `, ${Math.round(last.consumed / last.seconds)} msg/s` : ""
    onStep(`window ${index + 1} of ${windows}${rate}`, before / planned)
    await rig.hold(settings.seconds)
    laps.push(rig.meter.cut())
  }
  return laps
}
