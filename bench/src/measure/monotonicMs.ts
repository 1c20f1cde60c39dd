/**
 * Milliseconds of the machine's monotonic clock: the same in all processes of one machine, so
 * that what several clients saw can be put on one axis with what was done to the nodes.
 */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
