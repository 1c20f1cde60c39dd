/**
 * When a line of a peer was first released, so that a table shows how old the measured peer is:
 * a distribution's package is often years behind. Month precision. A line that is not listed here
 * has no date in the report.
 */
const lines: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  redis: {
    "6.0": "2020-04",
    "6.2": "2021-02",
    "7.0": "2022-04",
    "7.2": "2023-08",
    "7.4": "2024-07",
    "8.0": "2025-05",
  },
  rabbitmq: {
    "3.9": "2021-07",
    "3.10": "2022-05",
    "3.11": "2022-09",
    "3.12": "2023-06",
    "3.13": "2024-02",
    "4.0": "2024-09",
    "4.1": "2025-04",
  },
  nats: {
    "2.8": "2022-04",
    "2.9": "2022-09",
    "2.10": "2023-09",
    "2.11": "2025-03",
  },
}

/** First release of the line (`major.minor`) of a version, `2022-04`. */
export const lineReleased = (product: string, version: string): string | undefined =>
  lines[product]?.[version.split(".").slice(0, 2).join(".")]

/** Age of a month `2022-04` on a day, in years with one decimal. */
export const yearsSince = (month: string, now: Date): number => {
  const [year, monthOfYear] = month.split("-").map(Number)
  const months = (now.getUTCFullYear() - year!) * 12 + now.getUTCMonth() + 1 - monthOfYear!
  return Math.round((months / 12) * 10) / 10
}
