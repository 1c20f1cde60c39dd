import { ManualClock } from "@skein/journal"
import { limits, type SkeinError, skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { Parking } from "./Parking.js"

const park = () => {
  const clock = new ManualClock()
  const told: SkeinError[] = []
  return { clock, told, parking: new Parking(7, clock, (why) => told.push(why)) }
}

describe("Parking", () => {
  it("lets so many wait and no more", () => {
    const { parking } = park()
    for (let at = 0; at < limits.parkedRequestsMax; at++) expect(parking.admit()).toBeUndefined()
    expect(parking.admit()?._tag).toBe("ShardUnavailable")
  })

  it("sends those who wait away when it has lasted too long, and lets nobody wait then", () => {
    const { clock, told, parking } = park()
    clock.advance(limits.parkedMs - 1)
    expect([told.length, parking.admit()]).toEqual([0, undefined])
    clock.advance(1)
    expect(told.map(({ data }) => data.shard)).toEqual([7])
    expect(parking.admit()?.retryable).toBe(true)
    expect(parking.pausedMs).toBe(limits.parkedMs)
  })

  it("says how it ends, and sends nobody away afterwards", async () => {
    const stays = park()
    stays.parking.resumed()
    await stays.parking.ended
    const goes = park()
    goes.parking.closed(skeinError("Moved", "gone"))
    await expect(goes.parking.ended).rejects.toMatchObject({ _tag: "Moved" })
    for (const { clock, told } of [stays, goes]) {
      clock.advance(limits.parkedMs)
      expect(told).toEqual([])
    }
  })
})
