import { describe, expect, it } from "vitest"
import { parseProcStat, parsePs, parsePsTime, parseStatusKiB, withDescendants } from "./procStat.js"

describe("parseProcStat", () => {
  it("counts fields from the last bracket: a name may hold anything", () => {
    const text = "4242 (a b) (c) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 1 0 99 1 2"
    expect(parseProcStat(text)).toEqual({ pid: 4242, parent: 17, cpuTicks: 175 })
  })
})

describe("parseStatusKiB", () => {
  it("finds a line by its key", () => {
    const text = "Name:\tnode\nVmPeak:\t  900 kB\nVmHWM:\t  123456 kB\nVmRSS:\t   99 kB\n"
    expect(parseStatusKiB(text, "VmHWM")).toBe(123_456)
    expect(parseStatusKiB(text, "VmRSS")).toBe(99)
    expect(parseStatusKiB("Name:\tkernel\n", "VmRSS")).toBe(0)
  })
})

describe("ps", () => {
  it("reads times with and without days and hours", () => {
    expect(parsePsTime("00:05")).toBe(5)
    expect(parsePsTime("01:02:03")).toBe(3723)
    expect(parsePsTime("2-01:00:00")).toBe(2 * 86_400 + 3600)
    expect(parsePsTime("0:00.25")).toBe(0.25)
  })

  it("reads its lines", () => {
    expect(parsePs("    1     0  1234 00:00:07\n  20     1   512   0:01.50\n\n")).toEqual([
      { pid: 1, parent: 0, rssKiB: 1234, cpuSeconds: 7 },
      { pid: 20, parent: 1, rssKiB: 512, cpuSeconds: 1.5 },
    ])
  })
})

describe("withDescendants", () => {
  it("takes whole trees, in any order of the list", () => {
    const all = [
      { pid: 9, parent: 5 },
      { pid: 5, parent: 3 },
      { pid: 3, parent: 1 },
      { pid: 4, parent: 1 },
    ]
    expect(withDescendants(all, [3]).map(({ pid }) => pid)).toEqual([9, 5, 3])
  })
})
